"""Hierarchies of radiological terms: loads them from CSV files and checks them.

A hierarchy is a CSV file with the columns term and parent, one row an edge; a term without a parent
is a root, and a term may have several parents (a DAG). Further columns: cui (the UMLS concept) and
tree (finding, diagnosis or localization; finding where it is absent).
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from hashlib import sha256
from pathlib import Path

from cxr_duck.errors import HierarchyError
from cxr_duck.spelling import counted
from cxr_duck.terms.default import DEFAULT_HIERARCHY

__all__ = [
    "DEFAULT_HIERARCHY",
    "MAX_DEPTH",
    "Hierarchy",
    "built_in_hierarchies",
    "load_hierarchy",
]

MAX_DEPTH = 64  # levels; the recursive queries are bounded by it
_FOLDER = Path(__file__).parent / "hierarchies"
_SHOWN = 5  # terms of a change that are named
_TREES = ("finding", "diagnosis", "localization")


@dataclass(frozen=True)
class Hierarchy:
    """A hierarchy that was checked: `edges` are rows (term, parent or None, cui or None, tree)."""

    name: str
    edges: tuple[tuple[str, str | None, str | None, str], ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the edges, whatever the order of the file's rows."""
        lines = sorted("\t".join(part or "" for part in edge) for edge in self.edges)
        return sha256("\n".join(lines).encode()).hexdigest()

    def changes_from(self, before: "Hierarchy") -> str:
        """Say which terms are added to another one, removed from it, or have other rows."""
        rows, rows_before = _rows_of_terms(self), _rows_of_terms(before)
        told = {
            "added": rows.keys() - rows_before.keys(),
            "removed": rows_before.keys() - rows.keys(),
            "with other rows": {
                term for term in rows.keys() & rows_before.keys() if rows[term] != rows_before[term]
            },
        }
        return "; ".join(f"{_some(terms)} {how}" for how, terms in told.items() if terms)


def _rows_of_terms(hierarchy: Hierarchy) -> dict[str, set[tuple[str | None, ...]]]:
    rows: dict[str, set[tuple[str | None, ...]]] = {}
    for term, *rest in hierarchy.edges:
        rows.setdefault(term, set()).add(tuple(rest))
    return rows


def _some(terms: set[str]) -> str:
    """Return the number of terms and the first of them."""
    shown = ", ".join(sorted(terms)[:_SHOWN]) + (", …" if len(terms) > _SHOWN else "")
    return f"{counted(len(terms), 'term')} ({shown})"


def built_in_hierarchies() -> list[Hierarchy]:
    """Return the hierarchies that come with the package."""
    return [load_hierarchy(path) for path in sorted(_FOLDER.glob("*.csv"))]


def load_hierarchy(path: Path) -> Hierarchy:
    """Read a hierarchy's file and check it; HierarchyError names the row or spells a cycle out."""
    edges: dict[tuple[str, str | None], tuple[str, str | None, str | None, str]] = {}
    rows_of: dict[str, int] = {}
    for number, row in enumerate(_rows(path), start=2):
        term, parent, cui = (((row.get(key) or "").strip()) for key in ("term", "parent", "cui"))
        tree = (row.get("tree") or "").strip() or "finding"
        if not term:
            raise HierarchyError(f"{path} row {number} has no term: give one or drop the row")
        if tree not in _TREES:
            raise HierarchyError(
                f"{path} row {number}: tree is {tree!r}; it must be one of {', '.join(_TREES)}"
            )
        edges[term, parent or None] = (term, parent or None, cui or None, tree)
        rows_of.setdefault(parent, number)
    if not edges:
        raise HierarchyError(f"{path} has no terms: give rows of term, parent")
    _check(path, list(edges), rows_of)
    return Hierarchy(path.stem, tuple(edges.values()))


def _rows(path: Path) -> Iterator[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if not {"term", "parent"} <= set(reader.fieldnames or ()):
                raise HierarchyError(
                    f"{path} needs a header with the columns term and parent; it has: "
                    f"{', '.join(reader.fieldnames or ()) or 'nothing'}"
                )
            yield from reader
    except OSError as error:
        raise HierarchyError(f"hierarchy {path} can't be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise HierarchyError(f"{path} is no CSV text in UTF-8: {error}") from error


def _check(path: Path, edges: list[tuple[str, str | None]], rows_of: dict[str, int]) -> None:
    terms = {term for term, _ in edges}
    for _, parent in edges:
        if parent is not None and parent not in terms:
            raise HierarchyError(
                f"{path} row {rows_of[parent]}: parent {parent!r} is no term of the file; "
                f"add the row '{parent},' to make it a root"
            )
    parents: dict[str, set[str]] = {term: set() for term in terms}
    for term, parent in sorted(edges, key=str):
        if parent is not None:
            parents[term].add(parent)
    depths: dict[str, int] = {}
    try:
        for term in TopologicalSorter(
            {t: sorted(parents[t]) for t in sorted(terms)}
        ).static_order():
            depths[term] = 1 + max((depths[parent] for parent in parents[term]), default=0)
    except CycleError as error:
        raise HierarchyError(
            f"{path} has a cycle: {' -> '.join(error.args[1])}; take one of these edges out"
        ) from None
    if (depth := max(depths.values())) > MAX_DEPTH:
        raise HierarchyError(f"{path} has {depth} levels; it may have {MAX_DEPTH} at most")
