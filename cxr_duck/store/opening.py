"""Opens the catalog of a store for reading, so that it reads nothing outside the store."""

import os
from pathlib import Path

import duckdb

from cxr_duck.engines.duckdb import connect
from cxr_duck.engines.sql_text import first_line, quoted
from cxr_duck.errors import StoreError
from cxr_duck.store.format import FIRST_VERSIONS, FORMAT, read_format, refuse_later
from cxr_duck.store.local_folder import StoreFolder

__all__ = ["BrokenCatalogError", "open_catalog"]


def open_catalog(folder: StoreFolder) -> duckdb.DuckDBPyConnection:
    """Return a connection to a store's catalog, attached as cxr, that reads nothing else.

    StoreError says why it can't be opened.
    """
    try:
        connection = _attach(folder.catalog)
        data = quoted((folder.path / "data").resolve())
        connection.execute(
            # For every cursor, not for this connection alone. A published file never changes.
            "SET GLOBAL python_enable_replacements = false;"
            "SET GLOBAL parquet_metadata_cache = true;"
            f"SET allowed_directories = [{data}];"
            "SET enable_external_access = false;"
            "SET lock_configuration = true"
        )
        connection.execute(f"SET VARIABLE cxr_format = {FORMAT}")
        refuse_later(folder.root, read_format(connection, "cxr"))
        connection.execute("SELECT exactness FROM cxr.experiments.dataset LIMIT 0").fetchall()
        connection.execute("SELECT path FROM cxr.data_files LIMIT 0").fetchall()
        if not {"damaged_images", "twins"} <= _tables(connection):
            raise duckdb.CatalogException("it lacks the view damaged_images or twins")
    except duckdb.CatalogException as error:
        if "publications" in _tables(connection):
            raise StoreError(
                f"{folder.root} was made by cxr-duck before {FIRST_VERSIONS[1]}: index its label "
                "file into a new folder"
            ) from error
        if folder.was_lost():
            raise BrokenCatalogError(folder, "it has no tables of a store") from error
        raise StoreError(
            f"{folder.catalog_name} was not made by cxr-duck: give the folder of a store"
        ) from error
    except duckdb.IOException as error:
        if "Could not set lock" in str(error):
            raise StoreError(
                f"{folder.catalog_name} can't be opened ({first_line(error)}): close the program "
                "that has it open for writing, such as a DuckDB shell"
            ) from error
        if "version number" in str(error):
            raise StoreError(
                f"{folder.catalog_name} can't be opened ({first_line(error)}): "
                "pip install --upgrade duckdb"
            ) from error
        if not os.access(folder.catalog, os.R_OK):
            raise StoreError(
                f"{folder.catalog_name} can't be opened ({first_line(error)}): ask its owner for "
                "the right to read it"
            ) from error
        raise BrokenCatalogError(folder, first_line(error)) from error
    except duckdb.OutOfMemoryException as error:
        raise StoreError(
            f"{folder.catalog_name} can't be opened ({first_line(error)}): give more memory"
        ) from error
    except duckdb.Error as error:
        raise BrokenCatalogError(folder, first_line(error)) from error
    return connection


class BrokenCatalogError(StoreError):
    """A catalog that is missing or broken, and can be made again; `reason` says why."""

    def __init__(self, folder: StoreFolder, reason: str) -> None:
        super().__init__(
            f"{folder.catalog_name} can't be opened ({reason}): run 'cxr repair --store "
            f"{folder.root}'"
        )
        self.reason = reason


def _attach(catalog: Path) -> duckdb.DuckDBPyConnection:
    """Open the catalog in an instance of DuckDB that nobody else in this process shares."""
    connection = connect()
    path = catalog.resolve()
    try:
        connection.execute(f"ATTACH {quoted(path)} AS cxr (READ_ONLY)")
    except duckdb.BinderException as error:
        # DuckDB before 1.5 opens a file once a process, and shares the instance that has it.
        if "already attached" not in str(error):
            raise
        return duckdb.connect(str(path), read_only=True)
    return connection


def _tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    # SHOW ALL TABLES would bind every view, to tell its columns.
    rows = connection.execute(
        "SELECT table_name FROM duckdb_tables() UNION ALL SELECT view_name FROM duckdb_views()"
    ).fetchall()
    return {name for (name,) in rows}
