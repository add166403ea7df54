"""Resolves the terms and queries of a request against a store, which gives the recipe."""

from dataclasses import fields
from typing import Any

from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.datasets.recipes.recipe_values import (
    columns,
    dates,
    fold_shares,
    ratio,
    sizes,
    split_shares,
    test_of,
)
from cxr_duck.datasets.recipes.request import OPTIONS, Request
from cxr_duck.datasets.recipes.strata import check_columns
from cxr_duck.engines.engine import Engine
from cxr_duck.errors import DatasetError, RecipeError
from cxr_duck.index.conditions import record_read
from cxr_duck.index.pure import is_pure
from cxr_duck.query.fields import Fields
from cxr_duck.query.tree import Finding, named_findings, to_plain
from cxr_duck.terms.hierarchy import Hierarchy
from cxr_duck.terms.lookup import check_term, filled_classes, findings_below

__all__ = ["make_recipe"]

_IN_A_RECIPE = {field.name for field in fields(Recipe)}


def make_recipe(engine: Engine, request: Request, hierarchy: str) -> Recipe:
    """Return the recipe of what is asked for, a class for each term and each named query.

    A text of `exclude` is a term where the hierarchy or the index has it as one, else a query.
    Raises RecipeError, UnknownTermError or QueryError.
    """
    _refuse_record(engine, request.where)
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
    parts = ratio(request, names)
    stratify, match = columns(request)
    check_columns(engine, "stratify", stratify)
    check_columns(engine, "match", match)
    resolved = {
        "classes": classes,
        "excluded": sorted({finding for findings in excluded.values() for finding in findings}),
        "hierarchy": hierarchy,
        "hierarchy_sha256": _digest_of(engine, hierarchy),
        "shares": split_shares(request),
        "queries": dict(request.classes),
        "trees": trees,
        "balance": "ratio" if parts else str(request.balance),
        "ratio": parts,
        "by_date": dates(request),
        "test": test_of(request),
        "keep_apart": _kept_apart(engine, request.keep_apart),
        "within": _within(engine, request.within),
        "stratify": stratify,
        "match": match,
        "size": sizes(request),
        "pure": request.pure or is_pure(engine),
    }
    as_asked = {name: getattr(request, name) for name in OPTIONS.keys() & _IN_A_RECIPE}
    return Recipe(**{**as_asked, **resolved})


def _digest_of(engine: Engine, hierarchy: str) -> str:
    edges = engine.fetch(
        "SELECT term, parent, cui, tree FROM terms WHERE hierarchy = ? ORDER BY position", hierarchy
    )
    return Hierarchy(hierarchy, tuple(edges)).digest


def _kept_apart(engine: Engine, name: str | None) -> dict[str, str] | None:
    """Return the name and digest of the dataset to stay apart from; DatasetError if it isn't."""
    if name is None:
        return None
    found = _dataset_named(engine, name)
    if found is None:
        raise DatasetError(f"there is no dataset {name!r} to keep apart from: 'cxr datasets' lists")
    recipe = Recipe.from_json(found[1])
    if recipe.shares == fold_shares(len(recipe.shares)) or recipe.test_split is None:
        raise RecipeError(f"{name} has folds and no test: there is nothing to keep apart from")
    return {"name": name, "digest": found[0]}


def _within(engine: Engine, text: str | None) -> dict[str, str] | None:
    """Return the name and digest of the dataset that gives the images, and its split if named."""
    if text is None:
        return None
    found = _dataset_named(engine, text)
    if found is not None:
        return {"name": text, "digest": found[0]}
    name, _, split = text.rpartition(":")
    found = _dataset_named(engine, name)
    if found is None:
        raise DatasetError(
            f"there is no dataset {text!r} to take images from: 'cxr datasets' lists"
        )
    splits = list(Recipe.from_json(found[1]).shares)
    if split not in splits:
        raise RecipeError(f"{name} has no split {split!r} to take images from: {', '.join(splits)}")
    return {"name": name, "digest": found[0], "split": split}


def _dataset_named(engine: Engine, name: str) -> tuple[str, str] | None:
    rows = engine.fetch("SELECT digest, recipe FROM experiments.dataset WHERE name = ?", name)
    return rows[0] if rows else None


def _refuse_record(engine: Engine, where: str | None) -> None:
    """Raise RecipeError where a condition reads the record, which may change behind its back."""
    if where is not None and (relation := record_read(engine, where)) is not None:
        raise RecipeError(
            f"the condition {where!r} reads {relation}: a condition doesn't follow when that "
            "dataset is renamed, deleted or bundled. Use --within DATASET or DATASET:SPLIT (within "
            "in Python and files) for images of another dataset, --keep-apart DATASET for none of "
            "its test patients, and --size for fewer images"
        )


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
    from cxr_duck.query.parse import parse
    from cxr_duck.query.resolve import is_one_finding

    tree = parse(text)
    if not isinstance(tree, Finding) or not is_one_finding(tree) or tree.places:
        return False
    word = tree.term.word
    if not word.quoted and Fields(engine).find(word) is None:
        check_term(engine, word.text, hierarchy)
    return False
