"""From the terms and queries of a dataset to its recipe: what each of them is in a store."""

from collections.abc import Sequence
from typing import Any

from cxr_duck.engines.engine import Engine
from cxr_duck.errors import DatasetError, RecipeError, UnknownTermError
from cxr_duck.query.tree import Finding, named_findings, to_plain
from cxr_duck.recipe import Recipe
from cxr_duck.request import Request, fold_shares
from cxr_duck.strata import check_columns
from cxr_duck.terms import Hierarchy

__all__ = ["check_term", "filled_classes", "findings_below", "make_recipe"]


def make_recipe(engine: Engine, request: Request, hierarchy: str) -> Recipe:
    """Return the recipe of what is asked for, a class for each term and each named query.

    A text of `exclude` is a term where the hierarchy or the index has it as one, else a query.
    Raises RecipeError, UnknownTermError or QueryError.
    """
    names = [*request.terms, *request.classes]
    if not names:
        raise RecipeError("a dataset needs at least one term: give the names of its classes")
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise RecipeError(f"the term {', '.join(repeated)} is given twice: each is one class")
    classes = filled_classes(engine, request.terms, hierarchy)
    trees: dict[str, Any] = {}
    for name, query in request.classes.items():
        classes[name], trees[query] = _resolved(engine, query, hierarchy)
    left_out = [text for text in request.exclude if _is_term(engine, text, hierarchy)]
    for text in request.exclude:
        if text not in left_out:
            trees[text] = _resolved(engine, text, hierarchy)[1]
    excluded = findings_below(engine, left_out, hierarchy)
    ratio = request.ratio(names)
    stratify, match = request.columns()
    check_columns(engine, "stratify", stratify)
    check_columns(engine, "match", match)
    return Recipe(
        classes=classes,
        exclude=list(request.exclude),
        excluded=sorted({finding for findings in excluded.values() for finding in findings}),
        pure=request.pure,
        where=request.where,
        hierarchy=hierarchy,
        hierarchy_sha256=_digest_of(engine, hierarchy),
        seed=request.seed,
        shares=request.split_shares(),
        queries=dict(request.classes),
        trees=trees,
        overlap=request.overlap,
        balance="ratio" if ratio else str(request.balance),
        ratio=ratio,
        findings=request.findings,
        unit=request.unit,
        per_patient=request.per_patient,
        by_date=request.dates(),
        keep_apart=_kept_apart(engine, request.keep_apart),
        physician_test=request.physician_test,
        twins=request.twins,
        stratify=stratify,
        match=match,
        size=request.sizes(),
    )


def _digest_of(engine: Engine, hierarchy: str) -> str:
    edges = engine.fetch(
        "SELECT term, parent, cui, tree FROM terms WHERE hierarchy = ? ORDER BY position", hierarchy
    )
    return Hierarchy(hierarchy, tuple(edges)).digest


def _kept_apart(engine: Engine, name: str | None) -> dict[str, str] | None:
    """Return the name and digest of the dataset to stay apart from; DatasetError if it isn't."""
    if name is None:
        return None
    rows = engine.fetch("SELECT digest, recipe FROM experiments.dataset WHERE name = ?", name)
    if not rows:
        raise DatasetError(f"there is no dataset {name!r} to keep apart from: 'cxr datasets' lists")
    shares = Recipe.from_json(rows[0][1]).shares
    if shares == fold_shares(len(shares)):
        raise RecipeError(f"{name} has folds and no test: there is nothing to keep apart from")
    return {"name": name, "digest": rows[0][0]}


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
    if engine.scalar(
        "SELECT count(*) FROM terms WHERE hierarchy = ? AND term = ?", hierarchy, term
    ):
        return
    nearest = [near for (near,) in engine.rows("nearest_terms", word=term, hierarchy=hierarchy)]
    hint = (
        f"did you mean {', '.join(nearest)}?"
        if nearest
        else f"'cxr terms --hierarchy {hierarchy}' shows its terms"
    )
    raise UnknownTermError(f"the hierarchy {hierarchy} has no term {term!r}: {hint}")


def filled_classes(engine: Engine, terms: Sequence[str], hierarchy: str) -> dict[str, list[str]]:
    """Return the findings of the index at or below each term; RecipeError where there is none."""
    found = findings_below(engine, terms, hierarchy)
    for term, findings in found.items():
        if not findings:
            raise _empty_class(engine, term, hierarchy)
    return found


def _resolved(engine: Engine, query: str, hierarchy: str) -> tuple[list[str], Any]:
    """Return the findings that a query names outside NOT, and its resolved tree."""
    from cxr_duck.query.resolve import resolve_query

    tree = resolve_query(engine, query, hierarchy)
    return named_findings(tree), to_plain(tree)


def _is_term(engine: Engine, text: str, hierarchy: str) -> bool:
    """Tell whether a text is a term rather than a query; a bare word that is neither is refused."""
    if engine.scalar(
        "SELECT (SELECT count(*) FROM postings WHERE finding = ?) "
        "+ count(*) FROM terms WHERE hierarchy = ? AND term = ?",
        text,
        hierarchy,
        text,
    ):
        return True
    from cxr_duck.query.fields import Fields
    from cxr_duck.query.parse import parse
    from cxr_duck.query.resolve import is_one_finding

    tree = parse(text)
    if not isinstance(tree, Finding) or not is_one_finding(tree) or tree.places:
        return False
    word = tree.term.word
    if not word.quoted and Fields(engine).find(word) is None:
        check_term(engine, word.text, hierarchy)
    return False


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
