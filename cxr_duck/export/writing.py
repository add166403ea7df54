"""Writes the files of an export on all cores, each file and the folder whole or not at all."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Lock
from typing import Any

from filelock import FileLock, Timeout

from cxr_duck.engines.spread import workers
from cxr_duck.errors import ExportError
from cxr_duck.export.plan import Output, Plan, Unread
from cxr_duck.io.whole import check_target
from cxr_duck.progress import SILENT, Done, Progress

__all__ = ["Lost", "partial_folder", "write_export"]

_PARTIAL = ".partial"
_UNFINISHED = ".unfinished"  # ends the names of files that are being written
_QUEUED_PER_WORKER = 4  # outputs a thread that wait for one


def partial_folder(target: Path) -> Path:
    """Return the folder beside a target that is filled before it becomes the target."""
    target = target.absolute()
    return target.parent / f".{target.name}{_PARTIAL}"


def write_export(plan: Plan, target: Path, progress: Progress = SILENT) -> "Lost":
    """Write an export into a new folder, or an empty one, which appears when all is in it.

    What a stopped export of the same request wrote is kept and not written again. Returns
    what could not be read and is not in it. Raises ExportError, where the disk lacks the
    space before anything is written, and where no image could be read.
    """
    check_target(target)
    partial = partial_folder(target)
    try:
        with _taken(partial, target):
            there = _left_over(plan, partial, target, progress)
            _check_space(plan, partial, there, target)
            with _tidied(plan, partial, progress):
                lost = Lost(partial, there)
                _write_missing(plan, partial, there, lost, progress)
                lost.refuse_all(plan)
                plan.finish(partial, lost.images())
                if target.is_dir():
                    target.rmdir()
                partial.rename(target)
                return lost
    except OSError as error:
        raise ExportError(f"{target} can't be written to: {error.strerror or error}") from error


def _request_file(partial: Path) -> Path:
    """Return the file that says what a partial folder is filled with; it lies beside that."""
    return partial.with_name(partial.name.removesuffix(_PARTIAL) + ".request.json")


def _losses_file(partial: Path) -> Path:
    """Return the file that says which images the files in a partial folder lack."""
    return partial.with_name(partial.name.removesuffix(_PARTIAL) + ".unread.jsonl")


@contextmanager
def _taken(partial: Path, target: Path) -> Iterator[None]:
    """Keep other processes from writing to the same folder; the lock lies beside it."""
    partial.parent.mkdir(parents=True, exist_ok=True)
    file = partial.with_name(partial.name.removesuffix(_PARTIAL) + ".lock")
    lock = FileLock(file, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise ExportError(
            f"another process is writing {target}: wait until it has ended"
        ) from error
    try:
        check_target(target)  # which another process may have written since
        yield
    finally:
        if partial.is_dir() and not partial.is_symlink() and not any(partial.iterdir()):
            partial.rmdir()
        if not partial.exists():
            _losses_file(partial).unlink(missing_ok=True)
            _request_file(partial).unlink(missing_ok=True)
        file.unlink(missing_ok=True)
        lock.release()


def _left_over(plan: Plan, partial: Path, target: Path, progress: Progress) -> set[str]:
    """Return the paths of outputs that an export of the same request left, and nothing else."""
    file = _request_file(partial)
    _check_own(partial, file, target)
    request = json.loads(json.dumps(plan.request))
    before, sources = _read_request(file)
    if before != request:
        if partial.is_dir() and any(partial.iterdir()):
            progress.note(
                "an export to this folder was stopped, of other options: this one begins anew"
            )
            shutil.rmtree(partial)
        sources = {}
    partial.mkdir(exist_ok=True)
    wanted = {output.path for output in plan.outputs if sources.get(output.path) == output.source}
    there = _kept(partial, wanted)
    if there:
        progress.note(
            f"{len(there):,} of {len(plan.outputs):,} files are there from an export "
            "that was stopped, and are kept"
        )
    requested = {"request": request, "sources": {one.path: one.source for one in plan.outputs}}
    file.write_text(json.dumps(requested, ensure_ascii=False, indent=1), encoding="utf-8")
    return there


def _check_own(partial: Path, file: Path, target: Path) -> None:
    """Raise ExportError where what stands in an export's way was written by something else."""
    strange = partial.is_symlink() or (partial.exists() and not partial.is_dir())
    if strange or (partial.is_dir() and any(partial.iterdir()) and not file.is_file()):
        raise ExportError(
            f"{partial}, in which {target} would be written, is of no export: move it away"
        )


def _kept(partial: Path, wanted: set[str]) -> set[str]:
    """Remove all that isn't wanted from a folder, and return the paths of what is there."""
    there = set()
    for folder, folders, names in os.walk(partial, topdown=False):
        for name in names:
            path = Path(folder, name)
            relative = path.relative_to(partial).as_posix()
            if relative in wanted and path.lstat().st_size:
                there.add(relative)
            else:
                path.unlink()
        for path in (Path(folder, name) for name in folders):
            if path.is_symlink():
                path.unlink()
            elif not any(path.iterdir()):
                path.rmdir()
    return there


def _read_request(file: Path) -> tuple[Any, dict[str, str]]:
    """Return what a stopped export was asked, and what its files were made from, None and {}."""
    try:
        requested = json.loads(file.read_text(encoding="utf-8"))
        return requested["request"], requested["sources"]
    except (OSError, ValueError, KeyError, TypeError):
        return None, {}


def _check_space(plan: Plan, partial: Path, there: set[str], target: Path) -> None:
    """Raise ExportError where the disk lacks the space for what is still to be written."""
    needed = plan.bytes - sum((partial / path).lstat().st_size for path in there)
    free = shutil.disk_usage(partial).free
    if needed > free:
        raise ExportError(
            f"{target} needs about {needed / 1e9:,.1f} GB and the disk has {free / 1e9:,.1f} GB "
            "left: make room, give a folder on another disk, or ask for a smaller --size"
        )


@contextmanager
def _tidied(plan: Plan, partial: Path, progress: Progress) -> Iterator[None]:
    """Drop what a failed export wrote, or keep it where it is worth going on from."""
    try:
        yield
    except BaseException:
        if plan.resumable and any((partial / output.path).exists() for output in plan.outputs):
            progress.note(
                "the files that were written are kept: the same export goes on from there"
            )
        else:
            shutil.rmtree(partial, ignore_errors=True)
        raise


class Lost:
    """The images that could not be read, by the outputs that lack them, also after a stop.

    They stand in a file beside the partial folder, a line each, before their output is whole.
    `files` is the number of outputs of which nothing could be written.
    """

    def __init__(self, partial: Path, there: set[str]) -> None:
        self._file = _losses_file(partial)
        self._lock = Lock()
        self._found: list[tuple[str, Unread]] = []
        self.files = 0
        for line in self._file.read_text("utf-8").splitlines() if self._file.is_file() else ():
            with suppress(ValueError):  # cut off by a kill, before its output was whole
                output, image_id, reason = json.loads(line)
                if output in there:
                    self._found.append((output, Unread(image_id, reason)))
        self._file.write_text("".join(map(_line, self._found)), encoding="utf-8")

    def add(self, output: Output, images: Sequence[Unread]) -> None:
        """Note that an output lacks images."""
        found = [(output.path, image) for image in images]
        with self._lock:
            self._found += found
            self.files += len(images) == output.images
            with self._file.open("a", encoding="utf-8") as file:
                file.writelines(map(_line, found))

    def images(self) -> list[Unread]:
        """Return all images, in the order of their names."""
        return sorted({image.image_id: image for _, image in self._found}.values())

    @property
    def examples(self) -> int:
        """The number of examples that are lost: an image of two classes is one of each."""
        return len(self._found)

    def refuse_all(self, plan: Plan) -> None:
        """Raise ExportError where not one image could be read."""
        if self._found and len(self._found) == plan.images:
            image_id, reason = self.images()[0]
            raise ExportError(
                f"none of the {plan.images:,} images can be written, such as {image_id} "
                f"({reason}): 'cxr check' tests their files"
            )


def _line(lost: tuple[str, Unread]) -> str:
    output, image = lost
    return json.dumps([output, *image]) + "\n"


def _write_missing(
    plan: Plan, partial: Path, there: set[str], lost: Lost, progress: Progress
) -> None:
    """Write the outputs that are not there yet; the first failure ends it."""
    for folder in {(partial / output.path).parent for output in plan.outputs}:
        folder.mkdir(parents=True, exist_ok=True)
    missing = [output for output in plan.outputs if output.path not in there]
    threads = workers()
    with progress.step("writing images", plan.images) as done:
        counter = _Counter(done, plan.images - sum(output.images for output in missing))
        with ThreadPoolExecutor(threads) as pool:
            running: set[Future[None]] = set()
            try:
                for output in missing:
                    running.add(pool.submit(_write, output, partial, counter, lost))
                    if len(running) >= _QUEUED_PER_WORKER * threads:
                        running = _finished(running)
                while running:
                    running = _finished(running)
            except BaseException:
                counter.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _write(output: Output, partial: Path, counter: "_Counter", lost: Lost) -> None:
    file = partial / output.path
    unfinished = file.with_name(file.name + _UNFINISHED)
    unread = output.write(unfinished, counter.step)
    if unread:
        lost.add(output, unread)
    if len(unread) == output.images:
        return
    unfinished.replace(file)
    counter.wrote(file.lstat().st_size)


def _finished(running: set[Future[None]]) -> set[Future[None]]:
    """Wait for one of several to end, raise what it raised, and return the others."""
    ended, others = wait(running, return_when=FIRST_COMPLETED)
    for future in ended:
        future.result()
    return others


class _Counter:
    """Counts what all threads wrote, images and bytes, and ends their work where one has failed."""

    def __init__(self, done: Done, images: int) -> None:
        self._done, self._images, self._bytes = done, images, 0
        self._lock, self._stopped = Lock(), Event()

    def step(self) -> None:
        """Count an image; after the end ExportError."""
        if self._stopped.is_set():
            raise ExportError("the export was stopped")
        with self._lock:
            self._images += 1
            self._done(self._images, self._bytes)

    def wrote(self, size: int) -> None:
        """Count the bytes of a file that is whole."""
        with self._lock:
            self._bytes += size
            self._done(self._images, self._bytes)

    def stop(self) -> None:
        """Let every thread end with its next image."""
        self._stopped.set()
