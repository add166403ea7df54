"""Hierarchies in a store: written to its catalog, and opened by name or from a file."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.engines.engine import Engine
from cxr_duck.errors import HierarchyError
from cxr_duck.terms.hierarchy import (
    DEFAULT_HIERARCHY,
    MAX_DEPTH,
    Hierarchy,
    built_in_hierarchies,
    load_hierarchy,
)

__all__ = ["load_terms", "open_hierarchy", "write_terms"]


def write_terms(catalog: duckdb.DuckDBPyConnection, hierarchies: Sequence[Hierarchy]) -> list[str]:
    """Put hierarchies in the catalog; those of the same name are replaced, others stay.

    Returns a sentence for each that replaces another one, with what changes.
    """
    engine = DuckDBEngine(catalog, keep=True)
    told = [text for hierarchy in hierarchies for text in _replacement(engine, hierarchy)]
    load_terms(engine, hierarchies)
    catalog.execute("DROP TABLE edges")
    return told


def _replacement(engine: Engine, hierarchy: Hierarchy) -> Iterator[str]:
    """Say what changes where a hierarchy takes the place of another one of its name."""
    if not _has_terms(engine):
        return
    edges = engine.fetch(
        "SELECT term, parent, cui, tree FROM terms WHERE hierarchy = ? ORDER BY position",
        hierarchy.name,
    )
    before = Hierarchy(hierarchy.name, tuple(edges))
    if edges and before.digest != hierarchy.digest:
        yield (
            f"the hierarchy {hierarchy.name} replaces the store's of that name: "
            f"{hierarchy.changes_from(before)}; recorded datasets stay as they are"
        )


def _has_terms(engine: Engine) -> bool:
    return bool(engine.scalar("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'terms'"))


def load_terms(engine: Engine, hierarchies: Sequence[Hierarchy]) -> None:
    """Make `terms` and `term_ancestors` of hierarchies and of those of other names there are."""
    others: list[tuple[object, ...]] = []
    if _has_terms(engine):
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
