"""Runs a function over many image files: on all cores, in bounded memory, going on after a kill.

What comes of the files is kept in parts, small Parquet files in a hidden folder of the store, until
all of it is published: a run that was killed goes on where it was.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cxr_duck.engines.engine import Engine
from cxr_duck.engines.spread import ImageFile, Row, Spread, here
from cxr_duck.errors import StoreError
from cxr_duck.images.files.folder import ImageFolder
from cxr_duck.io.whole import whole_file
from cxr_duck.progress import Progress
from cxr_duck.store.disk_errors import translating_disk_errors
from cxr_duck.store.store import Store

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Run", "current_files", "forget_runs", "only_run"]

_RUNS = ".runs"
_PART_SECONDS = 10.0  # what a kill loses at most
_PART_ROWS = 10_000


def current_files(engine: Engine, folder: ImageFolder, progress: Progress) -> "pyarrow.Table":
    """Return the columns of `ImageFile` for every image of the store."""
    import pyarrow

    rows = engine.rows("placed_images")
    sizes: list[int | None] = []
    times: list[int | None] = []
    with progress.step("looking for files", len(rows)) as done:
        for number, (_, path) in enumerate(rows, start=1):
            try:
                size, modified = folder.stat(path) if path is not None else (None, None)
            except OSError:
                size = modified = None
            sizes.append(size)
            times.append(modified)
            done(number)
    ids, paths = zip(*rows, strict=True) if rows else ((), ())
    return pyarrow.table(
        {
            "image_id": pyarrow.array(ids, pyarrow.string()),
            "path": pyarrow.array(paths, pyarrow.string()),
            "bytes": pyarrow.array(sizes, pyarrow.int64()),
            "modified": pyarrow.array(times, pyarrow.int64()),
        }
    )


class Run:
    """One function's work over the files of a store: the parts that are done, and doing the rest.

    `schema` has the columns of what comes of a file, those of `ImageFile` first.
    """

    def __init__(self, folder: Path, schema: "pyarrow.Schema", progress: Progress) -> None:
        self._folder = folder
        self._schema = schema
        self._progress = progress

    def results(self) -> "pyarrow.Table":
        """Return what is there of this run, from before a kill too."""
        import pyarrow
        import pyarrow.parquet

        parts = [self._schema.empty_table()]
        for path in sorted(self._folder.glob("*.parquet")):
            try:
                part = pyarrow.parquet.read_table(path)
            except (pyarrow.ArrowException, OSError):  # cut off, with the machine's power
                continue
            if part.schema.equals(self._schema):
                parts.append(part)
        return pyarrow.concat_tables(parts)

    def do(
        self,
        title: str,
        files: Sequence[ImageFile],
        work: Callable[[ImageFile], Row],
        spread: Spread = here,
    ) -> None:
        """Let `work` make a row of each file, less its columns of `ImageFile`, and keep them."""
        rows: list[Row] = []
        written = time.monotonic()
        number = size = 0
        with self._progress.step(title, len(files)) as done:
            try:
                for some in spread(files, partial(_whole_row, work), self._schema):
                    rows += some
                    number += len(some)
                    size += sum(row["bytes"] or 0 for row in some)
                    done(number, size)
                    if len(rows) >= _PART_ROWS or time.monotonic() - written > _PART_SECONDS:
                        self._keep(rows)
                        written = time.monotonic()
            finally:
                self._keep(rows)

    def _keep(self, rows: list[Row]) -> None:
        """Write rows as a part, and forget them."""
        import pyarrow
        import pyarrow.parquet

        if not rows:
            return
        number = 1 + max((int(path.stem) for path in self._folder.glob("*.parquet")), default=0)
        table = pyarrow.Table.from_pylist(rows, self._schema)
        with (
            translating_disk_errors(self._folder),
            whole_file(self._folder / f"{number:08d}.parquet") as file,
        ):
            pyarrow.parquet.write_table(table, file)
        rows.clear()

    def forget(self) -> None:
        """Drop the parts, once what they hold is published."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _whole_row(work: Callable[[ImageFile], Row], file: ImageFile) -> Row:
    return {**vars(file), **work(file)}


def forget_runs(store: Store) -> None:
    """Drop the parts of all runs of a store, say for the images that they name."""
    for part in (store.lasting / _RUNS).glob("*/*"):
        part.unlink(missing_ok=True)


@contextmanager
def only_run(
    store: Store, name: str, schema: "pyarrow.Schema", progress: Progress, *, full: bool = False
) -> Iterator[Run]:
    """Yield a run of this name, of which a store has one at a time; StoreError where it is busy.

    What a run left that was ended early is nothing that a `full` one goes on from.
    """
    from filelock import FileLock, Timeout

    store.cursor(anywhere=True).close()  # a StoreError where there is no store
    runs = store.lasting / _RUNS
    lock = FileLock(runs / f"{name}.lock")
    with translating_disk_errors(store.root):
        runs.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise StoreError(
                f"another cxr {name} works on {store.root}: wait until it has ended"
            ) from None
    try:
        parts = runs / (f"{name}-full" if full else name)
        parts.mkdir(exist_ok=True)
        yield Run(parts, schema, progress)
    finally:
        lock.release()
