"""The contents of `cxr.duckdb`: views over the Parquet files, terms, macros and comments."""

from collections.abc import Sequence

import duckdb

from cxr_duck.engines.sql_text import quoted
from cxr_duck.engines.stages import all_stages, stage
from cxr_duck.store.data_files import data_files
from cxr_duck.store.relations import RELATIONS, TABLES, TERM_TABLES, VIEWS

__all__ = ["PUBLISHED", "create_macros", "create_tables", "create_views", "describe"]

PUBLISHED = (*RELATIONS, *VIEWS, *TERM_TABLES)  # what `describe` explains in the catalog

# The catalog's own folder, wherever the store was moved: an opened database spills to the folder
# <path of the database>.tmp. Where it is attached to another database instead, or spills elsewhere,
# SET VARIABLE cxr_store = '<path of the store>' says it.
_STORE = (
    "coalesce(getvariable('cxr_store') || '/', "
    "regexp_extract(current_setting('temp_directory'), '^.*[/\\\\]'))"
)


def create_views(catalog: duckdb.DuckDBPyConnection) -> None:
    """Point the views at the data files that the catalog lists."""
    for name in RELATIONS:
        paths = ", ".join(quoted(file.path) for file in data_files(catalog, name))
        catalog.execute(
            f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM read_parquet("
            f"list_transform([{paths}], lambda path: {_STORE} || path))"
        )
    for name in VIEWS:
        catalog.execute(f"CREATE OR REPLACE VIEW {name} AS {stage(name).sql}")


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
    _execute_at_once(catalog, comments)


def _execute_at_once(catalog: duckdb.DuckDBPyConnection, statements: Sequence[str]) -> None:
    """Execute statements in one transaction: each in its own would wait for the disk."""
    catalog.execute(";\n".join(["BEGIN", *statements, "COMMIT"]))
