"""Sentences for the terminal on how near a dataset comes to its recipe."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cxr_duck.datasets.dataset import Dataset

__all__ = ["exactness_sentences", "unmatched_rows"]

_SHOWN = 5  # combinations of those that leave units out


def exactness_sentences(dataset: "Dataset") -> list[str]:
    """Return sentences on what is kept and how near the findings are to their shares."""
    found, recipe = dataset.exactness, dataset.recipe
    if not found.smallest:  # it came with a bundle
        return []
    return [
        _kept(dataset),
        *_class_distance(dataset),
        _finding_distance(dataset),
        *(
            f"no value of {column} is further than {away:g} {recipe.units} from its class's share"
            for column, away in found.strata.items()
        ),
        *_draw(dataset),
        *_unmatched(dataset),
    ]


def _finding_distance(dataset: "Dataset") -> str:
    """Return a sentence on how near the findings are, and how near they could be."""
    found, units = dataset.exactness, dataset.recipe.units
    told = f"no finding is further than {found.furthest:g} {units} from its class's share"
    if found.nearest is None:  # a record of 0.5.0
        return told
    bound = f" than {found.nearest:g}" if found.furthest > found.nearest else ""
    return f"{told}; no split of these {units} into these sizes can be nearer{bound}"


def _draw(dataset: "Dataset") -> list[str]:
    """Return sentences on the draw of patients: its bounds, and who had no part in it."""
    found = dataset.exactness
    if found.nearest is None or dataset.recipe.by_date:
        return []
    told = "a fair draw: every split has its share of the patients who bring the same, rounded"
    if found.reach:
        told += f", to within {found.reach:,} {'patients' if found.reach > 1 else 'patient'}"
    sentences = [told]
    if found.pinned:
        sentences.append(f"{found.pinned:,} patients are pinned: not every split may take them")
    if found.tied:
        sentences.append(f"{found.tied:,} patients have twins and are dealt together with others")
    return sentences


def _unmatched(dataset: "Dataset") -> list[str]:
    """Return a sentence on what is left out for want of a partner, by class."""
    if not dataset.recipe.match:
        return []
    out = dict.fromkeys(dataset.recipe.classes, 0)
    for units in dataset.exactness.unmatched.values():
        for name, count in units.items():
            out[name] += count
    told = ", ".join(f"{count:,} of {name}" for name, count in out.items())
    combinations = len(dataset.exactness.unmatched)
    return [
        f"classes match in {', '.join(dataset.recipe.match)}; left out"
        + (", before the size," if dataset.recipe.size else "")
        + f" in {combinations:,} combinations: {told}"
    ]


def _class_distance(dataset: "Dataset") -> list[str]:
    """Return a sentence where classes are not split as the shares ask for."""
    away = dataset.furthest_class()
    return [f"classes are up to {away:,} images from the shares asked for"] if away else []


def _kept(dataset: "Dataset") -> str:
    """Return a sentence on what is kept, and what decides it."""
    found, recipe = dataset.exactness, dataset.recipe
    kept = f"kept {found.kept:,} of the {found.possible:,} {recipe.units} of {found.smallest}"
    if recipe.size and found.kept < found.full:
        return f"{kept}, as the size asks for: {found.full:,} could stay"
    if recipe.findings == "equal":
        return f"{kept}: the findings that are rarest in a split decide the sizes"
    if recipe.balance == "none":
        sizes = [f"{units:,}{split and f' in {split}'}" for split, units in recipe.size.items()]
        return "every class keeps all it has" + (f", up to {', '.join(sizes)}" if sizes else "")
    told = f"{kept}, the smallest class" + (" for its part of the ratio" if recipe.ratio else "")
    return told if found.nearest is None or found.kept == found.possible else told + _most(dataset)


def _most(dataset: "Dataset") -> str:
    """Return the end of a sentence: why no more is kept."""
    if dataset.recipe.match:
        return ": the others have no partner, or their split has its share without them"
    if dataset.recipe.by_date or dataset.recipe.overlap == "keep":
        return ""
    if dataset.exactness.largest:
        return "; no split of these patients keeps more"
    return "; whether another split of these patients keeps more is not known"


def unmatched_rows(dataset: "Dataset") -> tuple[list[list[Any]], int]:
    """Return rows of a combination and the units of each class left out, and how many more are.

    Those come first that leave out most of the class that they leave out least of.
    """
    classes = list(dataset.recipe.classes)
    found = [
        (combination, [units.get(name, 0) for name in classes])
        for combination, units in dataset.exactness.unmatched.items()
    ]
    found.sort(key=lambda row: (-min(row[1]), -sum(row[1]), row[0]))
    rows = [[combination, *counts] for combination, counts in found[:_SHOWN]]
    return rows, len(found) - len(rows)
