"""Looks terms up in a store: the findings at or below each."""

import json
from collections.abc import Sequence

from cxr_duck.engines.engine import Engine
from cxr_duck.errors import RecipeError, UnknownTermError
from cxr_duck.spelling import did_you_mean

__all__ = ["check_term", "filled_classes", "findings_below", "unknown_finding"]


def findings_below(engine: Engine, terms: Sequence[str], hierarchy: str) -> dict[str, list[str]]:
    """Return the findings of the index at or below each term.

    A finding that the hierarchy lacks stands for itself; UnknownTermError names any other term.
    """
    for term in terms:
        if not engine.scalar("SELECT count(*) FROM postings WHERE finding = ?", term):
            check_term(engine, term, hierarchy)
    engine.put("class_terms", "class VARCHAR, term VARCHAR", [(term, term) for term in terms])
    engine.gather("class_findings", hierarchy=hierarchy)
    found: dict[str, list[str]] = {term: [] for term in terms}
    for term, finding in engine.fetch(
        "SELECT class, finding FROM class_findings ORDER BY class, finding"
    ):
        found[term].append(finding)
    return found


def check_term(engine: Engine, term: str, hierarchy: str) -> None:
    """Raise UnknownTermError, with the nearest terms, where a hierarchy lacks a term."""
    terms = {
        term
        for (term,) in engine.fetch(
            "SELECT DISTINCT term FROM terms WHERE hierarchy = ?", hierarchy
        )
    }
    if term in terms:
        return
    hint = did_you_mean(term, terms, f"'cxr terms --hierarchy {hierarchy}' shows its terms")
    raise UnknownTermError(f"the hierarchy {hierarchy} has no term {term!r}: {hint}")


def filled_classes(engine: Engine, terms: Sequence[str], hierarchy: str) -> dict[str, list[str]]:
    """Return the findings of the index at or below each term; RecipeError where there is none."""
    found = findings_below(engine, terms, hierarchy)
    for term, findings in found.items():
        if not findings:
            raise _empty_class(engine, term, hierarchy)
    return found


def _empty_class(engine: Engine, term: str, hierarchy: str) -> RecipeError:
    """Return the error for a term under which no image has a finding."""
    trees = {
        tree
        for (tree,) in engine.fetch(
            "SELECT DISTINCT tree FROM terms WHERE hierarchy = ? AND term = ?", hierarchy, term
        )
    }
    if trees == {"localization"}:
        return RecipeError(
            f"{term!r} is a localization, and classes are made of findings: ask for it with "
            f"the condition list_contains(localizations, 'loc {term}')"
        )
    return RecipeError(f"the class {term!r} is empty: no indexed image has a finding of it")


def unknown_finding(engine: Engine, finding: str) -> UnknownTermError:
    """Return the error for a finding that the index lacks, with the nearest ones."""
    if engine.scalar("SELECT count(*) FROM terms WHERE term = ?", finding):
        return UnknownTermError(
            f"{finding!r} is a term of a hierarchy that no image has as its finding: "
            f"cxr terms {json.dumps(finding, ensure_ascii=False)} shows what is below it"
        )
    findings = [name for (name,) in engine.rows("indexed_findings")]
    hint = did_you_mean(finding, findings, "'cxr terms' shows all terms")
    return UnknownTermError(f"no image has the finding {finding!r}: {hint}")
