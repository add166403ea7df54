"""A lost or broken catalog is made again: from the copy of the record and the Parquet files.

Nothing is deleted: the broken catalog, damaged files, and files that are of no state of the store,
are set aside in a folder of their own. Without a copy of the record, which stores have from
format 2 on, the catalog before the last change is taken, where it is still there, and else the data
files alone.
"""

import os
import shutil
from contextlib import nullcontext
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from cxr_duck.engines.sql_text import first_line, quoted
from cxr_duck.errors import StoreError
from cxr_duck.io.digest import sha256_of
from cxr_duck.io.whole import sync
from cxr_duck.progress import SILENT, Progress
from cxr_duck.store.catalog import create_macros, create_tables, create_views, describe
from cxr_duck.store.data_files import DataFile, changed_files
from cxr_duck.store.fitting_files import add_publications
from cxr_duck.store.format import count_state
from cxr_duck.store.format_steps import step_up
from cxr_duck.store.local_folder import ASIDE
from cxr_duck.store.opening import BrokenCatalogError
from cxr_duck.store.record_copy import copy_files, restore_copy, write_copy
from cxr_duck.store.relations import RELATIONS
from cxr_duck.store.repair_plan import Plan, plan_repair
from cxr_duck.store.store import STORAGE_VERSION, Store
from cxr_duck.terms.hierarchy import built_in_hierarchies
from cxr_duck.terms.stored import write_terms
from cxr_duck.version import __version__

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
    aside = store.path / f"{ASIDE}{datetime.now(UTC):%Y%m%dT%H%M%S}"
    with (
        nullcontext() if dry_run else store.mending() as working,
        progress.step("making the catalog again"),
    ):
        if working is not None and not _problem(store):  # another repair was first
            return Repair()
        plan = plan_repair(store)
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
    except duckdb.OutOfMemoryException as error:
        raise StoreError(
            f"{store.root} can't be looked through ({first_line(error)}): give more memory"
        ) from error
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
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


def _carry_out(store: Store, plan: Plan, working: Path, aside: Path) -> None:
    """Make the new catalog, set aside what is of no state, and put the catalog in force."""
    if plan.earlier is not None:
        shutil.copyfile(plan.earlier, working)
    written: list[str] = []
    emptied: list[DataFile] = []
    try:
        emptied = [_empty_file(store.path, plan, name) for name in plan.empty]
        plan.files += emptied
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
            for file in emptied:
                (store.path / file.path).unlink(missing_ok=True)
        raise
    sync(store.path)
    if plan.copy is not None and not plan.copy.lacking:  # the new copy says the same
        store.folder.drop_copies([plan.copy.path])


def _empty_file(store: Path, plan: Plan, relation: str) -> DataFile:
    """Write a data file without rows of a relation that has none left."""
    number = max(file.publication for file in plan.files)
    path = f"data/{number:06d}/{relation}-repaired.parquet"
    file = store / path
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE empty ({RELATIONS[relation].columns})")
        connection.execute(
            f"COPY empty TO {quoted(file)} (FORMAT parquet, COMPRESSION zstd, "
            f"KV_METADATA {{cxr_duck_version: {quoted(__version__)}}})"
        )
    sync(file)
    return DataFile(relation, path, number, 0, file.stat().st_size, sha256_of(file))


def _fill(catalog: duckdb.DuckDBPyConnection, store: Path, plan: Plan) -> None:
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
    create_views(catalog, _own_fields(catalog))
    create_macros(catalog)
    describe(catalog)


def _own_fields(catalog: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the names of the own fields that images have."""
    rows = catalog.execute(
        "SELECT DISTINCT field.name FROM (SELECT unnest(own_fields) AS field FROM images) "
        "ORDER BY ALL"
    ).fetchall()
    return [name for (name,) in rows]


def _give_second_name(file: Path, name: Path) -> None:
    try:
        os.link(file, name)
    except OSError:  # a file system without hard links
        shutil.copyfile(file, name)
