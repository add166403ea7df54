"""The contents of `cxr.duckdb`: views over the Parquet files, terms, macros and comments."""

from collections.abc import Collection, Sequence

import duckdb

from cxr_duck.engines.duckdb import rows_of_files
from cxr_duck.engines.own_fields import ADDED, own_column
from cxr_duck.engines.sql_text import identifier, quoted
from cxr_duck.engines.stages import all_stages, stage
from cxr_duck.store.data_files import data_files
from cxr_duck.store.relations import RELATIONS, TABLES, TERM_TABLES, VIEWS

__all__ = ["PUBLISHED", "create_macros", "create_tables", "create_views", "describe", "own_columns"]

PUBLISHED = (*RELATIONS, *VIEWS, *TERM_TABLES)  # what `describe` explains in the catalog

# The catalog's own folder, wherever the store was moved: an opened database spills to the folder
# <path of the database>.tmp. Where it is attached to another database instead, or spills elsewhere,
# SET VARIABLE cxr_store = '<path of the store>' says it.
_STORE = (
    "coalesce(getvariable('cxr_store') || '/', "
    "regexp_extract(current_setting('temp_directory'), '^.*[/\\\\]'))"
)


_OWN = "a field of the label file's own, as text"


def create_views(catalog: duckdb.DuckDBPyConnection, own_fields: Collection[str] = ()) -> None:
    """Point the views at the data files that the catalog lists.

    Own fields of `images` become columns: those that are named, and those that are columns already.
    """
    own = dict.fromkeys([*own_columns(catalog), *own_fields])
    for name in RELATIONS:
        paths = ", ".join(quoted(file.path) for file in data_files(catalog, name))
        listed = f"list_transform([{paths}], lambda path: {_STORE} || path)"
        rows = rows_of_files(catalog, listed, ADDED.get(name, {}))
        if name == "images" and own:
            columns = {field.lower(): field for field in reversed(own)}
            rows = rows.replace("*", ", ".join(["*", *map(_named, reversed(columns.values()))]), 1)
        catalog.execute(f"CREATE OR REPLACE VIEW {name} AS {rows}")
    for name in VIEWS:
        catalog.execute(f"CREATE OR REPLACE VIEW {name} AS {stage(name).sql}")


def _named(field: str) -> str:
    return f"{own_column(field)} AS {identifier(field)}"


def own_columns(catalog: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the columns that the view `images` makes of own fields, in their order."""
    columns = catalog.execute(
        "SELECT column_name FROM duckdb_columns() WHERE database_name = current_database() "
        "AND schema_name = 'main' AND table_name = 'images' ORDER BY column_index"
    ).fetchall()
    return [name for (name,) in columns if name not in stage("images").columns]


def create_tables(catalog: duckdb.DuckDBPyConnection) -> None:
    """Make the tables of a store that lacks them: its files, what was removed, its experiments."""
    _execute_at_once(catalog, [stage(name).sql for name in TABLES])


def create_macros(catalog: duckdb.DuckDBPyConnection) -> None:
    """Make the macros of `sql/shell`, each with its card's sentence as its comment.

    DuckDB binds a macro when it is made, so the views, the terms and the schema come first.
    """
    for macro in all_stages("shell"):
        catalog.execute(macro.sql)
        catalog.execute(f"COMMENT ON MACRO TABLE {macro.name} IS {quoted(macro.grain)}")


def describe(catalog: duckdb.DuckDBPyConnection) -> None:
    """Comment every view and term table, and each of its columns, from the cards in `sql/`."""
    comments = []
    for kind, names in (("VIEW", (*RELATIONS, *VIEWS)), ("TABLE", TERM_TABLES)):
        for name in names:
            card = stage(name)
            comments.append(f"COMMENT ON {kind} {name} IS {quoted(card.grain)}")
            for column, text in card.columns.items():
                comments.append(f"COMMENT ON COLUMN {name}.{column} IS {quoted(text)}")
    comments += [
        f"COMMENT ON COLUMN images.{identifier(field)} IS {quoted(_OWN)}"
        for field in own_columns(catalog)
    ]
    _execute_at_once(catalog, comments)


def _execute_at_once(catalog: duckdb.DuckDBPyConnection, statements: Sequence[str]) -> None:
    """Execute statements in one transaction: each in its own would wait for the disk."""
    catalog.execute(";\n".join(["BEGIN", *statements, "COMMIT"]))
