"""What stands in `cxr.duckdb`: views over the Parquet files, the terms, macros and comments."""

from collections.abc import Sequence

import duckdb

from cxr_duck.data_files import RELATIONS, data_files
from cxr_duck.engines.duckdb import DuckDBEngine, quoted
from cxr_duck.stages import all_stages, stage
from cxr_duck.terms import MAX_DEPTH, Hierarchy

__all__ = [
    "create_macros",
    "create_tables",
    "create_views",
    "describe",
    "load_terms",
    "write_terms",
]

_TERM_TABLES = ("terms", "term_ancestors")

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


def create_tables(catalog: duckdb.DuckDBPyConnection) -> None:
    """Make the tables of a new store: its files, what was removed, its experiments."""
    for name in ("publications", "data_files", "removed_images", "experiments"):
        catalog.execute(stage(name).sql)


def create_macros(catalog: duckdb.DuckDBPyConnection) -> None:
    """Make the macros of `sql/shell`, each with its card's sentence as its comment.

    DuckDB binds a macro when it is made, so the views, the terms and the schema come first.
    """
    for macro in all_stages("shell"):
        catalog.execute(macro.sql)
        catalog.execute(f"COMMENT ON MACRO TABLE {macro.name} IS {quoted(macro.grain)}")


def write_terms(catalog: duckdb.DuckDBPyConnection, hierarchies: Sequence[Hierarchy]) -> None:
    """Put hierarchies in the catalog; those of the same name are replaced, others stay."""
    engine = DuckDBEngine(catalog, keep=True)
    kept: list[tuple[object, ...]] = []
    if engine.scalar("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'terms'"):
        kept = catalog.execute(
            "SELECT hierarchy, term, parent, cui, tree, position FROM terms "
            "WHERE NOT list_contains(?, hierarchy)",
            [[hierarchy.name for hierarchy in hierarchies]],
        ).fetchall()
    load_terms(engine, hierarchies, kept)
    catalog.execute("DROP TABLE edges")


def load_terms(
    engine: DuckDBEngine,
    hierarchies: Sequence[Hierarchy],
    others: Sequence[tuple[object, ...]] = (),
) -> None:
    """Make `terms` and `term_ancestors` of hierarchies and of other rows of `terms`."""
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


def describe(catalog: duckdb.DuckDBPyConnection) -> None:
    """Comment every view and term table, and each of its columns, from the cards in `sql/`."""
    comments = []
    for kind, names in (("VIEW", RELATIONS), ("TABLE", _TERM_TABLES)):
        for name in names:
            card = stage(name)
            comments.append(f"COMMENT ON {kind} {name} IS {quoted(card.grain)};")
            for column, text in card.columns.items():
                comments.append(f"COMMENT ON COLUMN {name}.{column} IS {quoted(text)};")
    catalog.execute("\n".join(comments))
