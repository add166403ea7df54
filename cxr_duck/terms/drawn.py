"""Draws a hierarchy as a tree, each term with its number of images."""

import os
from collections.abc import Iterable

from cxr_duck.engines.engine import Engine
from cxr_duck.progress import SILENT, Progress
from cxr_duck.terms.hierarchy import DEFAULT_HIERARCHY, Hierarchy
from cxr_duck.terms.lookup import check_term
from cxr_duck.terms.stored import open_hierarchy

__all__ = ["draw_tree", "drawn_terms", "note_empty_terms"]


def drawn_terms(
    engine: Engine,
    term: str | None = None,
    hierarchy: str | os.PathLike[str] = DEFAULT_HIERARCHY,
    progress: Progress = SILENT,
    damaged: bool = False,
) -> list[str]:
    """Return the lines of a drawn hierarchy, each term with its number of distinct images.

    With a term, of what is below it; UnknownTermError where the hierarchy has none of that name.
    """
    name, own = open_hierarchy(engine, hierarchy)
    if term is not None:
        check_term(engine, term, name)
    with progress.step("counting images"):
        counts = {
            key: int(count)
            for key, count in engine.rows("term_counts", hierarchy=name, damaged=damaged)
        }
    if own is not None:
        note_empty_terms(own, counts, progress)
    edges = engine.fetch(
        "SELECT term, parent FROM terms WHERE hierarchy = ? ORDER BY position", name
    )
    return draw_tree(edges, counts, term)


def note_empty_terms(hierarchy: Hierarchy, counts: dict[str, int], progress: Progress) -> None:
    """Note the terms of a hierarchy at or below which no image has a finding."""
    terms = dict.fromkeys(edge[0] for edge in hierarchy.edges)
    if empty := [term for term in terms if not counts.get(term)]:
        below = f"no image has a finding at or below these terms of {hierarchy.name}"
        progress.note(f"{below}: {', '.join(empty)}")


def draw_tree(
    edges: Iterable[tuple[str, str | None]], counts: dict[str, int], top: str | None = None
) -> list[str]:
    """Return the lines of a drawn tree, below one term or below every root.

    `counts` are distinct images at or below each term. A branch that was drawn already, because
    its head has several parents, is not drawn again but marked.
    """
    children: dict[str | None, list[str]] = {}
    for term, parent in edges:
        children.setdefault(parent, []).append(term)
    lines: list[str] = []
    drawn: set[str] = set()

    def draw(term: str, lead: str, branch: str, below: str) -> None:
        again = term in drawn and bool(children.get(term))
        lines.append(f"{lead}{branch}{term}  {counts.get(term, 0):,}{'  (above)' if again else ''}")
        if again:
            return
        drawn.add(term)
        inner = children.get(term, [])
        for child in inner:
            last = child is inner[-1]
            draw(child, lead + below, "└── " if last else "├── ", "    " if last else "│   ")

    for root in [top] if top is not None else children.get(None, []):
        draw(root, "", "", "")
    return lines
