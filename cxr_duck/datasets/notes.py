"""Sentences on what a user should know of a dataset when it is made, and what to do about it."""

from collections.abc import Iterator

from cxr_duck.datasets.filters import FILTERS
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.engines.engine import Engine
from cxr_duck.terms.hierarchy import Hierarchy

__all__ = ["notes_on"]

_OVERLAPPING = {
    "drop": "and are left out",
    "first": "and count for the first of them",
    "keep": "and stay in all of them",
}
_SHOWN = 5  # labels that a sentence spells out
_SILENT = "NOT list_has_all(['exclude', 'unchanged', 'suboptimal study'], findings)"


def notes_on(engine: Engine, recipe: Recipe, own_hierarchy: Hierarchy | None = None) -> list[str]:
    """Return the sentences on a dataset whose relations are on the engine.

    A user's own hierarchy is given where the store may not have it yet.
    """
    return [
        *_unreached(engine, recipe, own_hierarchy),
        *_rules(engine, recipe),
        *_apart(engine, recipe),
        *_silent(engine),
        *_contradicting(engine),
    ]


def _rules(engine: Engine, recipe: Recipe) -> Iterator[str]:
    """Say how many images came under each rule about classes and patients."""
    several = engine.scalar(
        "SELECT count(DISTINCT image_id) FROM candidates SEMI JOIN unit_classes USING (unit_id)"
    )
    if several:
        whose = "" if recipe.unit == "image" else f"are of {recipe.units} that "
        what = f"{whose}{FILTERS['overlap'].images} {_OVERLAPPING[recipe.overlap]}"
        yield f"{several:,} images {what}"
    left_out = engine.fetch(
        "SELECT count(*), reason FROM images_excluded_by_rule GROUP BY reason ORDER BY reason"
    )
    for images, reason in left_out:
        yield f"{images:,} images {FILTERS[reason].images}, and are left out"


def _unreached(engine: Engine, recipe: Recipe, own_hierarchy: Hierarchy | None) -> Iterator[str]:
    """Say which labels no class can reach, where classes are terms."""
    if not recipe.terms:
        return
    own = sorted({edge[0] for edge in own_hierarchy.edges}) if own_hierarchy else []
    engine.put("own_terms", "term VARCHAR", [(term,) for term in own])
    engine.make("unreached_labels")
    labels = engine.fetch("SELECT finding, images FROM unreached_labels ORDER BY images DESC, 1")
    if not labels:
        return
    images = engine.scalar(
        "SELECT count(DISTINCT image_id) FROM postings SEMI JOIN unreached_labels USING (finding)"
    )
    told = ", ".join(f"{label} ({number:,})" for label, number in labels[:_SHOWN])
    more = f" and {len(labels) - _SHOWN:,} more" if labels[_SHOWN:] else ""
    yield (
        f"{images:,} images have labels that no hierarchy has, so that no term reaches them: "
        f"{told}{more}; name such a label as a class, or give a --hierarchy that has it"
    )


def _apart(engine: Engine, recipe: Recipe) -> Iterator[str]:
    """Say what becomes of the patients of the dataset that this one is kept apart from."""
    if recipe.keep_apart is None:
        return
    held_out, trained_on = engine.rows("patients_apart")[0]
    name, test = recipe.keep_apart["name"], recipe.test_split
    if test is None:
        yield (
            f"kept apart from {name}: no split is the test here, so that {held_out:,} patients of "
            "its test are left out"
        )
        return
    plain = recipe.test is not None or test == "test"
    others = "" if plain else ", the last split, which is the test (--test names another, or none)"
    yield (
        f"kept apart from {name}: {held_out:,} patients of its test come to {test} alone{others}; "
        f"{trained_on:,} of its other splits come to any but {test}"
    )


def _silent(engine: Engine) -> Iterator[str]:
    """Say which images are examples of a finding's absence though no label tells of it."""
    by_class: dict[str, list[tuple[str, int]]] = {}
    for name, labels, images in engine.rows("silent_members"):
        by_class.setdefault(name, []).append((labels, int(images)))
    for name, kinds in by_class.items():
        told = ", ".join(
            f"{images:,} labelled {labels} alone" if labels else f"{images:,} without a label"
            for labels, images in kinds
        )
        yield (
            f"{sum(images for _, images in kinds):,} images of {name} have no label that tells "
            f'what is seen ({told}); to leave such images out add --where "{_SILENT}"'
        )


def _contradicting(engine: Engine) -> Iterator[str]:
    """Say where one film is an example of different classes."""
    films = engine.rows("contradicting_twins")
    if films:
        _, image_id, twin_id, _ = films[0]
        yield (
            f"{len(films):,} films are in different classes under several names, such as "
            f"{image_id} and {twin_id}: --twins one keeps one of such images, after 'cxr twins'"
        )
