"""Tables of a dataset for the terminal: composition, recipe, images that each filter removed."""

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cxr_duck.cli.exactness import exactness_sentences, unmatched_rows

if TYPE_CHECKING:
    from cxr_duck.datasets.covariates.covariates import Covariates
    from cxr_duck.datasets.dataset import Dataset
    from cxr_duck.datasets.recipes.recipe import Recipe

__all__ = ["print_covariates", "print_dataset", "print_plan"]


def print_dataset(dataset: "Dataset", as_json: bool, recipe: bool = False) -> None:
    """Print the composition of a dataset and its digest, or all that is known of its recipe."""
    if as_json:
        print(json.dumps(_as_json(dataset), ensure_ascii=False, indent=2))
        return
    from cxr_duck.cli.output import print_table
    from cxr_duck.datasets.dataset import composition_rows

    rows = [[label, *numbers, sum(numbers)] for label, _, numbers in composition_rows(dataset)]
    print_table(["class / finding", *dataset.recipe.shares, "all"], rows)
    print()
    print_covariates(dataset.covariates())
    print()
    if recipe:
        for key, value in _facts(dataset):
            print(f"{key:<10}{value}")
        if dataset.removed:
            print(f"{dataset.removed:,} of its images were removed from the store", file=sys.stderr)
        if dataset.damaged:
            print(
                f"the files of {dataset.damaged:,} of its images are damaged: "
                "'cxr check' lists them, 'cxr create' leaves them out",
                file=sys.stderr,
            )
    else:
        print(f"{dataset.name}: {dataset.images():,} images, seed {dataset.recipe.seed}")
    for sentence in exactness_sentences(dataset):
        print(f"{'exact':<10}{sentence}" if recipe else sentence)
    _print_unmatched(dataset)
    print(f"{'digest':<10}{dataset.digest}" if recipe else f"digest {dataset.digest}")


def print_covariates(covariates: "Covariates") -> None:
    """Print how classes and splits differ in what is no finding, and what else is odd in them."""
    from cxr_duck.cli.output import print_table

    header, rows = covariates.table()
    if rows:
        print_table(header, rows)
    for sentence in covariates.sentences():
        print(sentence)


def print_plan(dataset: "Dataset", as_json: bool) -> None:
    """Print what would be made: got and wanted, and what each filter takes out."""
    if as_json:
        print(json.dumps(_as_json(dataset), ensure_ascii=False, indent=2))
    else:
        _print_plan_as_text(dataset)
    print("nothing was recorded", file=sys.stderr)


def _print_plan_as_text(dataset: "Dataset") -> None:
    from cxr_duck.cli.output import print_table
    from cxr_duck.datasets.dataset import composition_rows
    from cxr_duck.datasets.filters import FILTERS, KEPT

    splits = list(dataset.recipe.shares)
    rows = []
    for (label, _, numbers), wanted in zip(
        composition_rows(dataset), dataset.wanted(), strict=True
    ):
        pairs = [f"{got} / {round(want, 1):g}" for got, want in zip(numbers, wanted, strict=True)]
        rows.append([label, *pairs, str(sum(numbers))])
    print_table(["class / finding: got / wanted", *splits, "all"], rows)
    print()
    steps = [step for step in FILTERS if any(rule == step for _, rule in dataset.removals)]
    print_table(
        ["class", "indexed", *(f"- {step}" for step in steps), KEPT],
        [
            [
                term,
                sum(images for (name, _), images in dataset.removals.items() if name == term),
                *(dataset.removals.get((term, step), 0) for step in [*steps, KEPT]),
            ]
            for term in dataset.recipe.classes
        ],
    )
    print()
    print_covariates(dataset.covariates())
    print()
    for sentence in exactness_sentences(dataset):
        print(sentence)
    _print_unmatched(dataset)


def _print_unmatched(dataset: "Dataset") -> None:
    """Print the combinations that leave most out for want of a partner."""
    from cxr_duck.cli.output import print_table

    rows, more = unmatched_rows(dataset)
    if rows:
        print()
        print_table(["left out", *dataset.recipe.classes], rows)
        if more:
            print(f"… and {more:,} combinations more: --json has them all")
        print()


def _facts(dataset: "Dataset") -> list[tuple[str, str]]:
    recipe = dataset.recipe
    facts = [
        ("name", dataset.name),
        ("terms", ", ".join(recipe.terms)),
        *(("class", f"{name} = {query}") for name, query in recipe.queries.items()),
        ("exclude", ", ".join(recipe.exclude)),
        ("where", recipe.where or ""),
        ("pure", "yes" if recipe.pure else "no"),
        ("hierarchy", recipe.hierarchy),
        *_choices(recipe),
        ("seed", str(recipe.seed)),
        ("images", f"{dataset.images():,}"),
    ]
    return [(key, value) for key, value in facts if value]


def _choices(recipe: "Recipe") -> list[tuple[str, str]]:
    """Return what a recipe has otherwise than one for which nothing was chosen."""
    from cxr_duck.datasets.recipes.request import OPTIONS, Request, asked_of

    requested, unasked = asked_of(recipe), Request()
    return [
        (option.label, option.kind.told(requested[name]))
        for name, option in OPTIONS.items()
        if option.label and requested[name] != getattr(unasked, name)
        if not (recipe.by_date and name == "shares")  # dates part the splits, not shares
    ]


def _as_json(dataset: "Dataset") -> dict[str, Any]:
    return {
        "name": dataset.name,
        "digest": dataset.digest,
        "images": dataset.images(),
        "removed": dataset.removed,
        "damaged": dataset.damaged,
        "recipe": json.loads(dataset.recipe.to_json()),
        "exactness": asdict(dataset.exactness),
        "removals": [
            {"class": term, "filter": rule, "images": images}
            for (term, rule), images in dataset.removals.items()
        ],
        "composition": [
            {"class": term, "finding": finding or None, "split": split, "images": images}
            for (term, finding, split), images in dataset.composition.items()
        ],
        "covariates": dataset.covariates().to_dict(),
    }
