"""The copy of the record: Parquet files beside the catalog, from which a lost one is made again.

Each state that is published has one file with the small tables of the catalog, a list a table, and
one with the images of each dataset; those of datasets that stay are not written anew. A copy is on
the disk before its catalog is put in force, and the copy before it goes after that: where a kill
leaves two, the working copy of the catalog beside them says that the later state was not published.
The name of a file has the state that it was written for, that of its working copy, and the
beginning of its SHA-256.
"""

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from cxr_duck.engines.sql_text import quoted
from cxr_duck.io.digest import sha256_of
from cxr_duck.store.data_files import DataFile
from cxr_duck.store.format import FORMAT, StoreFormat
from cxr_duck.store.local_folder import COPIES, StoreFolder
from cxr_duck.version import __version__

__all__ = ["RecordCopy", "copy_files", "read_copies", "restore_copy", "write_copy"]

# The tables of which the catalog alone knows, and the order of their rows.
_TABLES = {
    "store_format": "format",
    "publications": "publication",
    "listed_files": "path",
    "removed_images": "image_id, patient_id",
    "terms": "hierarchy, position",
    "record_files": "path",
    "experiments.experiment": "experiment_id",
    "experiments.dataset": "dataset_id",
    "experiments.finding": "finding_id",
    "experiments.allocation": "dataset_id, signature, limit_to, position",
    "experiments.quota": "dataset_id, kind, split",
}
_OF_A_DATASET = (
    "record_files",
    "experiments.dataset",
    "experiments.finding",
    "experiments.allocation",
    "experiments.quota",
)
_HEAD = re.compile(r"record/(\d{6,})-[0-9a-f]+-[0-9a-f]{16}\.parquet")
_WRITTEN = "written.parquet"  # a file that has no name yet
_SHORT = 16  # digits of a digest in a name


def write_copy(
    catalog: duckdb.DuckDBPyConnection, home: StoreFolder, working: Path, state: int, *, anew: bool
) -> list[str]:
    """Write what the copy of a state needs, list it in the catalog; return the new files' paths.

    Files of images are written `anew` where rows of a dataset may have changed since.
    """
    datasets = "SELECT dataset_id FROM experiments.dataset"
    catalog.execute(
        f"DELETE FROM record_files WHERE dataset_id IS NULL OR dataset_id NOT IN ({datasets})"
    )
    known = dict(catalog.execute("SELECT dataset_id, sha256 FROM record_files").fetchall())
    written = []
    facts = {"cxr_duck_version": __version__}
    stem = f"{state:06d}-{working.suffix[1:]}"
    work = working.with_name(f"{working.name}.{COPIES}")
    work.mkdir()
    try:
        for (number,) in catalog.execute(f"{datasets} ORDER BY dataset_id").fetchall():
            if number in known and not anew:
                continue
            query = (
                "SELECT image.* FROM experiments.image SEMI JOIN (SELECT finding_id "
                f"FROM experiments.finding WHERE dataset_id = {number}) USING (finding_id) "
                "ORDER BY finding_id, image_id"
            )
            row = _write(catalog, query, work, f"{stem}-images-{number}", facts)
            if row[-1] != known.get(number):
                catalog.execute("DELETE FROM record_files WHERE dataset_id = ?", [number])
                written.append(_list(catalog, home, work, row, number))
        lists = ", ".join(
            f"(SELECT list(row ORDER BY {order}) FROM (SELECT row, * FROM {table} AS row)) "
            f"AS {table.rpartition('.')[2]}"
            for table, order in _TABLES.items()
        )
        row = _write(catalog, f"SELECT {lists}", work, stem, facts | {"working_copy": working.name})
        written.append(_list(catalog, home, work, row, None))
    except BaseException:
        home.drop_copies(written)
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return written


def _write(
    catalog: duckdb.DuckDBPyConnection, query: str, work: Path, stem: str, facts: dict[str, str]
) -> tuple[str, int, int, str]:
    """Write the rows of a query; return the file's path in the store, rows, bytes and digest."""
    file = work / _WRITTEN
    metadata = ", ".join(f"{key}: {quoted(value)}" for key, value in facts.items())
    ran = catalog.execute(
        f"COPY ({query}) TO {quoted(file)} "
        f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{metadata}}})"
    )
    rows = int(ran.fetchall()[0][0])
    digest = sha256_of(file)
    return f"{COPIES}/{stem}-{digest[:_SHORT]}.parquet", rows, file.stat().st_size, digest


def _list(
    catalog: duckdb.DuckDBPyConnection,
    home: StoreFolder,
    work: Path,
    row: tuple[str, int, int, str],
    dataset_id: int | None,
) -> str:
    path, rows, size, digest = row
    home.put_copy(work / _WRITTEN, path)
    catalog.execute(
        "INSERT INTO record_files VALUES (?, ?, ?, ?, ?)", [path, dataset_id, rows, size, digest]
    )
    return path


@dataclass(frozen=True)
class RecordCopy:
    """A copy of the record: its file, its format, and the state and publication that it is of.

    `datasets` are the names of the datasets by their numbers, `images` the paths of their images,
    as far as those files are sound; `lacking` has the paths of the others. `working_copy` is the
    name of the catalog's copy that was put in force with it: where that is still there, it was not.
    Of a later format nothing more is known than that.
    """

    file: Path
    path: str
    state: int
    format: StoreFormat
    publication: int = 0
    published_at: str = ""
    datasets: dict[int, str] = field(default_factory=dict)
    images: dict[int, str] = field(default_factory=dict)
    lacking: dict[int, str] = field(default_factory=dict)
    working_copy: str = ""


def copy_files(catalog: duckdb.DuckDBPyConnection) -> list[DataFile]:
    """Return the files of the copy of the record; a store of an earlier format has none."""
    try:
        rows = catalog.execute(
            "SELECT 'record', path, 0, rows, bytes, sha256 FROM record_files ORDER BY path"
        ).fetchall()
    except duckdb.CatalogException:
        return []
    return [DataFile(*row) for row in rows]


def read_copies(store: Path, paths: Iterable[str]) -> tuple[list[RecordCopy], list[str]]:
    """Return the copies among some files of a store, newest first, and the damaged files.

    A copy of which some datasets' images are damaged or gone has all the rest.
    """
    copies: list[RecordCopy] = []
    damaged: list[str] = []
    sound: set[str] = set()
    for path in sorted(paths):
        digest = path.removesuffix(".parquet")[-_SHORT:]
        try:
            if sha256_of(store / path)[:_SHORT] != digest:
                damaged.append(path)
                continue
            sound.add(path)
            if head := _HEAD.fullmatch(path):
                copies.append(_read(store / path, path, int(head[1])))
        except (OSError, duckdb.Error):
            damaged.append(path)
    copies.sort(key=lambda copy: copy.state, reverse=True)
    return [_without_lacking(copy, sound) for copy in copies], damaged


def _without_lacking(copy: RecordCopy, sound: set[str]) -> RecordCopy:
    lacking = {number: path for number, path in copy.images.items() if path not in sound}
    images = {number: path for number, path in copy.images.items() if path in sound}
    return replace(copy, images=images, lacking=lacking)


def _read(file: Path, path: str, state: int) -> RecordCopy:
    with duckdb.connect() as connection:
        ((number, lowest, version),) = connection.execute(
            "SELECT row.format, row.lowest_version, row.package_version "
            f"FROM (SELECT unnest(store_format) AS row FROM read_parquet({quoted(file)}))"
        ).fetchall()
        found = StoreFormat(number, lowest, version, state)
        if number > FORMAT:
            return RecordCopy(file, path, state, found)
        _show(connection, file)
        ((published_at, publication),) = connection.execute(
            "SELECT strftime(published_at, '%Y-%m-%d %H:%M'), "
            "(SELECT coalesce(max(publication), 0) FROM copied_publications) "
            "FROM copied_store_format"
        ).fetchall()
        datasets = connection.execute("SELECT dataset_id, name FROM copied_dataset").fetchall()
        images = connection.execute("SELECT dataset_id, path FROM copied_record_files").fetchall()
        ((working,),) = connection.execute(
            "SELECT decode(value) FROM parquet_kv_metadata(?) WHERE decode(key) = 'working_copy'",
            [str(file)],
        ).fetchall()
    return RecordCopy(
        file,
        path,
        state,
        found,
        publication,
        published_at,
        dict(sorted(datasets)),
        dict(images),
        working_copy=working,
    )


def _show(connection: duckdb.DuckDBPyConnection, file: Path) -> None:
    """Let each table of a copy be a view, copied_ before its name."""
    for table in _TABLES:
        name = table.rpartition(".")[2]
        connection.execute(
            f"CREATE TEMP VIEW copied_{name} AS SELECT unnest(row) "
            f"FROM (SELECT unnest({name}) AS row FROM read_parquet({quoted(file)}))"
        )


def restore_copy(catalog: duckdb.DuckDBPyConnection, store: Path, copy: RecordCopy) -> None:
    """Fill the tables of a new catalog from a copy, but for datasets whose images it lacks."""
    _show(catalog, copy.file)
    for table in _TABLES:
        name = table.rpartition(".")[2]
        if table == "terms":  # made together with what hangs on it
            catalog.execute("CREATE TABLE terms AS FROM copied_terms")
            continue
        rows = f"SELECT * FROM copied_{name}"
        if table in _OF_A_DATASET:
            rows += f" WHERE NOT coalesce(list_contains({list(copy.lacking)}, dataset_id), false)"
        catalog.execute(f"INSERT INTO {table} BY NAME {rows}")
    for path in copy.images.values():
        catalog.execute(
            "INSERT INTO experiments.image BY NAME "
            f"SELECT * FROM read_parquet({quoted(store / path)})"
        )
    for table in _TABLES:
        catalog.execute(f"DROP VIEW copied_{table.rpartition('.')[2]}")
