"""Opens the catalog of a store for reading, so that it reads nothing outside the store."""

from pathlib import Path

import duckdb

from cxr_duck.engines.duckdb import connect
from cxr_duck.engines.sql_text import first_line, quoted
from cxr_duck.errors import StoreError
from cxr_duck.store.local_folder import StoreFolder

__all__ = ["open_catalog"]


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
        connection.execute("SELECT exactness FROM cxr.experiments.dataset LIMIT 0").fetchall()
        connection.execute("SELECT path FROM cxr.data_files LIMIT 0").fetchall()
        if not {"damaged_images", "twins"} <= _tables(connection):
            raise duckdb.CatalogException("it lacks the view damaged_images or twins")
    except duckdb.CatalogException as error:
        if "publications" in _tables(connection):
            raise StoreError(
                f"{folder.root} was made by another version of cxr-duck: index its label file "
                "into a new folder"
            ) from error
        raise StoreError(
            f"{folder.catalog_name} was not made by cxr-duck: give the folder of a store"
        ) from error
    except duckdb.IOException as error:
        hint = "bring it back from a copy, or index the label files into a new folder"
        if "lock" in str(error):
            hint = "close the program that has it open for writing, such as a DuckDB shell"
        raise StoreError(
            f"{folder.catalog_name} can't be opened ({first_line(error)}): {hint}"
        ) from error
    except duckdb.Error as error:
        raise StoreError(
            f"{folder.catalog_name} can't be read ({first_line(error)}): index the label file "
            "anew in another folder"
        ) from error
    return connection


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
    return {name for (name,) in connection.execute("SELECT name FROM (SHOW ALL TABLES)").fetchall()}
