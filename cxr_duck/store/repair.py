"""A lost or broken catalog is made again: from the copy of the record and the Parquet files.

Nothing is deleted: the broken catalog, and files that are of no state of the store, are set aside
in a folder of their own. Without a copy of the record, which stores have from format 2 on, the
catalog before the last change is taken, where it is still there, and else the data files alone.
"""

import os
import shutil
from contextlib import nullcontext, suppress
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from cxr_duck.engines.sql_text import first_line, quoted
from cxr_duck.errors import StoreError
from cxr_duck.io.whole import sync
from cxr_duck.progress import SILENT, Progress
from cxr_duck.store.catalog import create_macros, create_tables, create_views, describe
from cxr_duck.store.data_files import DataFile, changed_files
from cxr_duck.store.fitting_files import add_publications, files_on_disk, fitting_files
from cxr_duck.store.format import FORMAT, count_state, read_format
from cxr_duck.store.format_steps import step_up
from cxr_duck.store.opening import BrokenCatalogError
from cxr_duck.store.record_copy import (
    RecordCopy,
    copy_files,
    read_copies,
    restore_copy,
    write_copy,
)
from cxr_duck.store.store import STORAGE_VERSION, Store
from cxr_duck.store.superseded import SUPERSEDED
from cxr_duck.terms.hierarchy import built_in_hierarchies
from cxr_duck.terms.stored import write_terms

__all__ = ["Repair", "repair"]


@dataclass(frozen=True)
class Repair:
    """What was wrong with a store, what was made again, what is lost, and which files lie aside.

    Where nothing was wrong, `problem` is empty.
    """

    problem: str = ""
    rebuilt: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()
    aside: Path | None = None


@dataclass
class _Plan:
    """What a new catalog is made from: a copy of the record, or an earlier catalog, or neither."""

    copy: RecordCopy | None = None
    earlier: Path | None = None
    files: list[DataFile] = field(default_factory=list)
    rebuilt: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)


def repair(store: Store, progress: Progress = SILENT, *, dry_run: bool = False) -> Repair:
    """Make the catalog of a store again where it is lost or broken, or tell what that would bring.

    Raises StoreError where there is no store, where it needs another version, where nothing lies
    there to make it from, and for a store at a URL.
    """
    if isinstance(store.root, str):
        raise StoreError(
            f"{store.root} lies at a URL: mount or copy that folder, and run 'cxr repair' there"
        )
    problem = _problem(store)
    if not problem:
        return _mend_copy(store, dry_run)
    aside = store.path / f"set-aside-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    with (
        nullcontext() if dry_run else store.mending() as working,
        progress.step("making the catalog again"),
    ):
        plan = _plan(store)
        if store.catalog.exists():
            plan.set_aside.insert(0, store.catalog.name)
        if Path(f"{store.catalog}.wal").exists():
            plan.set_aside.insert(1, f"{store.catalog.name}.wal")
        if working is not None:
            _carry_out(store, plan, working, aside)
    return Repair(
        f"{store.root}/{store.catalog.name} can't be opened: {problem}",
        tuple(plan.rebuilt),
        tuple(plan.lost),
        tuple(plan.set_aside),
        aside if plan.set_aside else None,
    )


def _problem(store: Store) -> str:
    """Return what is wrong with the catalog of a store, '' where it can be read to its end."""
    try:
        catalog = store.cursor(anywhere=True)
        tables = catalog.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'cxr'"
        ).fetchall()
        for schema, table in tables:
            catalog.execute(f"SELECT bit_xor(hash(row)) FROM {schema}.{table} AS row").fetchall()
        for table, key in _keys(catalog):
            _look_up(catalog, table, key)
    except BrokenCatalogError as error:
        return error.reason
    except duckdb.Error as error:
        return first_line(error)
    return ""


def _keys(catalog: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """Return each table with a column that has an index."""
    return catalog.execute(
        "SELECT concat(schema_name, '.', table_name), constraint_column_names[1] "
        "FROM duckdb_constraints() WHERE database_name = 'cxr' "
        "AND constraint_type IN ('PRIMARY KEY', 'UNIQUE', 'FOREIGN KEY')"
    ).fetchall()


def _look_up(catalog: duckdb.DuckDBPyConnection, table: str, key: str) -> None:
    """Find every row of a table by its key, for which all of the index is read."""
    for value in catalog.execute(f"SELECT DISTINCT {key} FROM {table}").fetchall():
        catalog.execute(f"SELECT count(*) FROM {table} WHERE {key} = ?", value).fetchall()


def _mend_copy(store: Store, dry_run: bool) -> Repair:
    """Write what the copy of the record lacks, where the catalog itself is whole."""
    listed = copy_files(store.cursor())
    changed = dict(changed_files(store.path, listed))
    if not changed:
        return Repair()
    if not dry_run:
        with store.publishing() as publication:
            publication.catalog.execute(
                "DELETE FROM record_files WHERE list_contains(?, path)", [list(changed)]
            )
    path, problem = next(iter(changed.items()))
    return Repair(
        f"{len(changed):,} files of the copy of the record are damaged ({path}: {problem})",
        ("the copy of the record, from the catalog, which is whole",),
    )


def _plan(store: Store) -> _Plan:
    """Choose what the new catalog is made from; StoreError where nothing is there."""
    plan = _Plan()
    home = store.folder
    killed = {path.name for path in home.killed_writers()}
    copies, damaged = read_copies(store.path, home.copies())
    published = [copy for copy in copies if copy.working_copy not in killed]
    on_disk, unreadable = files_on_disk(store.path)
    found = on_disk
    if published:
        plan.copy = published[0]
        listed = _files_in_copy(plan.copy)
        changed = dict(changed_files(store.path, listed))
        plan.files = fitting_files(store.path, on_disk) if changed else listed
        _tell_copy(plan, plan.copy, changed, listed)
    else:
        plan.earlier = _earlier_catalog(store.path)
        if killed and found:  # what they wrote may never have been published
            last = max(file.publication for file in found)
            found = [file for file in found if file.publication < last] or found
        plan.files = fitting_files(store.path, found)
        _tell_no_copy(plan, store.path)
    if not any(file.relation == "images" for file in plan.files):
        raise StoreError(
            f"{store.root} can't be repaired: no sound Parquet file of images lies in data/; bring "
            "one back from a copy, or index the label files into a new folder"
        )
    rows = {name: 0 for name in ("images", "postings", "rejects")}
    for file in plan.files:
        if file.relation in rows:
            rows[file.relation] += file.rows
    plan.rebuilt.append(
        ", ".join(f"{count:,} {name}" for name, count in rows.items())
        + f", of {len(plan.files):,} data files"
    )
    if unreadable:
        plan.lost.append(f"what stood in data files that can't be read: {', '.join(unreadable)}")
    in_use = {file.path for file in plan.files} | _files_of_readers(store.path)
    plan.set_aside += sorted({*(file.path for file in on_disk), *unreadable} - in_use)
    mine = {plan.copy.path, *plan.copy.images.values()} if plan.copy else set()
    plan.set_aside += sorted({*(copy.path for copy in copies), *damaged} - mine)
    return plan


def _files_in_copy(copy: RecordCopy) -> list[DataFile]:
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT row.relation, row.path, row.publication, row.rows, row.bytes, row.sha256 "
            "FROM (SELECT unnest(listed_files) AS row FROM read_parquet(?)) ORDER BY row.path",
            [str(copy.file)],
        ).fetchall()
    return [DataFile(*row) for row in rows]


def _earlier_catalog(store: Path) -> Path | None:
    """Return the newest superseded catalog that can be read, whose state is one change behind."""
    for path in sorted((store / SUPERSEDED).glob("*.duckdb"), reverse=True):
        with suppress(duckdb.Error), duckdb.connect() as connection:
            connection.execute(f"ATTACH {quoted(path)} AS cxr (READ_ONLY); USE cxr")
            if read_format(connection).number <= FORMAT:
                connection.execute("SELECT count(exactness) FROM experiments.dataset").fetchall()
                return path
    return None


def _files_of_readers(store: Path) -> set[str]:
    """Return the data files of earlier states, which processes may have open."""
    paths: set[str] = set()
    for path in (store / SUPERSEDED).glob("*.duckdb"):
        with suppress(duckdb.Error), duckdb.connect() as connection:
            connection.execute(f"ATTACH {quoted(path)} AS cxr (READ_ONLY); USE cxr")
            paths |= {
                name for (name,) in connection.execute("SELECT path FROM data_files").fetchall()
            }
    return paths


def _tell_copy(
    plan: _Plan, copy: RecordCopy, changed: dict[str, str], listed: list[DataFile]
) -> None:
    plan.rebuilt.append(
        f"the record of state {copy.state:,} (publication {copy.publication:,}, "
        f"{copy.published_at} UTC, cxr-duck {copy.package_version}), from its copy: "
        f"{_datasets(copy.datasets)}"
    )
    if changed:
        path, problem = next(iter(changed.items()))
        kept = {file.path for file in plan.files}
        gone = [file for file in listed if file.relation == "images" and file.path not in kept]
        plan.lost.append(
            f"{sum(file.rows for file in gone):,} images, in data files that are damaged or fit no "
            f"others ({path}: {problem}): index their label file again"
        )


def _datasets(names: tuple[str, ...]) -> str:
    count = "1 dataset" if len(names) == 1 else f"{len(names):,} datasets"
    return f"{count} ({', '.join(names)})" if names else "no dataset"


def _tell_no_copy(plan: _Plan, store: Path) -> None:
    if plan.earlier is not None:
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH {quoted(plan.earlier)} AS cxr (READ_ONLY); USE cxr")
            names = connection.execute(
                "SELECT name FROM experiments.dataset ORDER BY dataset_id"
            ).fetchall()
        plan.rebuilt.append(
            "the record before the last change, from the catalog that was kept of it: "
            f"{_datasets(tuple(name for (name,) in names))}"
        )
        plan.lost.append(
            "the last change of the record: no copy of the record lies in the store; a dataset "
            "that was made last is missing, and one that was deleted last is there again"
        )
        return
    plan.lost += [
        "the record of datasets: no copy of it lies in the store",
        "hierarchies of your own: give their CSV file again",
        "the history of publications, and the folder of the images: give --images again",
        "the list of removed images: a label file that names them takes them in again",
    ]


def _carry_out(store: Store, plan: _Plan, working: Path, aside: Path) -> None:
    """Make the new catalog, set aside what is of no state, and put the catalog in force."""
    if plan.earlier is not None:
        shutil.copyfile(plan.earlier, working)
    written: list[str] = []
    try:
        with duckdb.connect(
            str(working), config={"storage_compatibility_version": STORAGE_VERSION}
        ) as catalog:
            _fill(catalog, store.path, plan)
            state = count_state(catalog)
            written = write_copy(catalog, store.folder, working, state, anew=False)
            catalog.execute("CHECKPOINT")
        sync(working)
        for path in plan.set_aside:
            (aside / path).parent.mkdir(parents=True, exist_ok=True)
            if path == store.catalog.name:  # there is a file of this name all the time
                _give_second_name(store.path / path, aside / path)
            else:
                os.replace(store.path / path, aside / path)
        os.replace(working, store.catalog)
    except BaseException:
        if working.exists():
            store.folder.drop_copies(written)
        raise
    sync(store.path)


def _fill(catalog: duckdb.DuckDBPyConnection, store: Path, plan: _Plan) -> None:
    """Fill a new catalog, or one of an earlier state."""
    if plan.earlier is not None:
        step_up(catalog)
    create_tables(catalog)
    if plan.copy is not None:
        restore_copy(catalog, store, plan.copy)
        write_terms(catalog, [])
    else:
        catalog.execute("DELETE FROM record_files")
        if plan.earlier is None:
            write_terms(catalog, built_in_hierarchies())
    catalog.execute("DELETE FROM listed_files")
    catalog.executemany(
        "INSERT INTO listed_files VALUES (?, ?, ?, ?, ?, ?)",
        [list(astuple(file)) for file in plan.files],
    )
    add_publications(catalog, store, plan.files)
    create_views(catalog)
    create_macros(catalog)
    describe(catalog)


def _give_second_name(file: Path, name: Path) -> None:
    try:
        os.link(file, name)
    except OSError:  # a file system without hard links
        shutil.copyfile(file, name)
