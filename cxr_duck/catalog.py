"""What stands in `cxr.duckdb`: views over the Parquet files, the terms, macros and comments."""

import os
from collections.abc import Sequence
from pathlib import Path

import duckdb

from cxr_duck.data_files import RELATIONS, data_files
from cxr_duck.engines.duckdb import DuckDBEngine, quoted
from cxr_duck.engines.engine import Engine
from cxr_duck.errors import HierarchyError
from cxr_duck.stages import all_stages, stage
from cxr_duck.terms import (
    DEFAULT_HIERARCHY,
    MAX_DEPTH,
    Hierarchy,
    built_in_hierarchies,
    load_hierarchy,
)

__all__ = [
    "create_macros",
    "create_tables",
    "create_views",
    "describe",
    "load_terms",
    "open_hierarchy",
    "write_terms",
]

# Over the views of data files and the tables.
_VIEWS = (
    "coded_postings",
    "missing_files",
    "extra_files",
    "repeated_files",
    "damaged_images",
    "twins",
    "twin_members",
)
_TERM_TABLES = ("terms", "term_ancestors", "label_cuis")

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
    for name in _VIEWS:
        catalog.execute(f"CREATE OR REPLACE VIEW {name} AS {stage(name).sql}")


def create_tables(catalog: duckdb.DuckDBPyConnection) -> None:
    """Make the tables of a store that lacks them: its files, what was removed, its experiments."""
    names = (
        "store_format",
        "publications",
        "listed_files",
        "data_files",
        "record_files",
        "removed_images",
        "experiments",
    )
    _execute_at_once(catalog, [stage(name).sql for name in names])


def create_macros(catalog: duckdb.DuckDBPyConnection) -> None:
    """Make the macros of `sql/shell`, each with its card's sentence as its comment.

    DuckDB binds a macro when it is made, so the views, the terms and the schema come first.
    """
    for macro in all_stages("shell"):
        catalog.execute(macro.sql)
        catalog.execute(f"COMMENT ON MACRO TABLE {macro.name} IS {quoted(macro.grain)}")


def write_terms(catalog: duckdb.DuckDBPyConnection, hierarchies: Sequence[Hierarchy]) -> None:
    """Put hierarchies in the catalog; those of the same name are replaced, others stay."""
    load_terms(DuckDBEngine(catalog, keep=True), hierarchies)
    catalog.execute("DROP TABLE edges")


def load_terms(engine: Engine, hierarchies: Sequence[Hierarchy]) -> None:
    """Make `terms` and `term_ancestors` of hierarchies and of those of other names there are."""
    others: list[tuple[object, ...]] = []
    if engine.scalar("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'terms'"):
        others = engine.fetch(
            "SELECT hierarchy, term, parent, cui, tree, position FROM terms "
            "WHERE NOT list_contains(?, hierarchy)",
            [hierarchy.name for hierarchy in hierarchies],
        )
    edges = [
        (hierarchy.name, *edge, position)
        for hierarchy in hierarchies
        for position, edge in enumerate(hierarchy.edges)
    ]
    engine.put(
        "edges",
        "hierarchy VARCHAR, term VARCHAR, parent VARCHAR, cui VARCHAR, tree VARCHAR, "
        "position INTEGER",
        [*others, *edges],
    )
    engine.make("terms")
    engine.make("term_ancestors", max_depth=MAX_DEPTH)
    engine.make("label_cuis", hierarchy=DEFAULT_HIERARCHY)


def open_hierarchy(
    engine: Engine, hierarchy: str | os.PathLike[str]
) -> tuple[str, Hierarchy | None]:
    """Return a hierarchy's name; a file's terms shadow the store's for this engine."""
    known = [
        name for (name,) in engine.fetch("SELECT DISTINCT hierarchy FROM terms ORDER BY hierarchy")
    ]
    path = Path(hierarchy)
    if str(hierarchy) in known:
        return str(hierarchy), None
    if path.suffix != ".csv" and not path.is_file():
        raise HierarchyError(
            f"there is no hierarchy {str(hierarchy)!r}: take {', '.join(known)}, "
            "or give a CSV file of term, parent"
        )
    own = load_hierarchy(path)
    if own.name in {built_in.name for built_in in built_in_hierarchies()}:
        raise HierarchyError(
            f"{path} has the name of a built-in hierarchy, {own.name}: rename the file"
        )
    load_terms(engine, [own])
    return own.name, own


def describe(catalog: duckdb.DuckDBPyConnection) -> None:
    """Comment every view and term table, and each of its columns, from the cards in `sql/`."""
    comments = []
    for kind, names in (("VIEW", (*RELATIONS, *_VIEWS)), ("TABLE", _TERM_TABLES)):
        for name in names:
            card = stage(name)
            comments.append(f"COMMENT ON {kind} {name} IS {quoted(card.grain)}")
            for column, text in card.columns.items():
                comments.append(f"COMMENT ON COLUMN {name}.{column} IS {quoted(text)}")
    _execute_at_once(catalog, comments)


def _execute_at_once(catalog: duckdb.DuckDBPyConnection, statements: Sequence[str]) -> None:
    """Execute statements in one transaction: each in its own would wait for the disk."""
    catalog.execute(";\n".join(["BEGIN", *statements, "COMMIT"]))
