"""Covariates (age, projection, year, who labelled) compared between classes and between splits.

Whatever differs between classes is learned, and whatever differs between splits makes the test
another population than the one trained on. So each covariate's standardised difference is told
beside the one that chance alone gives, and how well a class is guessed without a pixel.

Between classes the images of all splits are compared, an image of several classes as one of each;
between splits the images of all classes. Unknown is a level like others; age and year are compared
where they are known, and that they are unknown as a covariate of its own. The images of the patient
are all those in the store, in steps. All shares and means are over images, not patients: images are
what a model sees and is tested on.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cxr_duck.datasets.covariates.arrays import COVARIATES, SMD_OF_NOTE, Difference, Examples
from cxr_duck.datasets.covariates.pixel_free import Guess

if TYPE_CHECKING:
    import pyarrow

    from cxr_duck.datasets.recipes.recipe import Recipe
    from cxr_duck.engines.engine import Engine
    from cxr_duck.store.store import Store

__all__ = ["Covariates", "Difference", "compare_covariates", "covariates_of", "covariates_on"]


_NOT_BLANK = "image_id NOT IN (SELECT image_id FROM checks WHERE verdict = 'suspect')"


@dataclass(frozen=True)
class Covariates:
    """What tells the classes and the splits of a dataset apart, and what is odd in them.

    `between_classes` and `between_splits` have a row per covariate: of all pairs the one that
    differs most, one that is marked before any other. They are empty where there are no two.
    `looks` are the comparisons, of a pair in a covariate each; chance marks one in 20 at most.
    `suspect` is the number of blank films, all of whose pixels are the same, None where no file was
    tested. `other_labels` has for (class, other class) the number of images of the class, and not
    of the other, that carry a label of the other. `images` were compared; `unknown` others are not
    in the store.
    """

    classes: tuple[str, ...]
    splits: tuple[str, ...]
    between_classes: tuple[Difference, ...]
    between_splits: tuple[Difference, ...]
    guess: Guess
    images: int
    looks: int = 0
    unknown: int = 0
    suspect: int | None = None
    other_labels: dict[tuple[str, str], int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain values, for JSON."""
        return {
            "images": self.images,
            "unknown": self.unknown,
            "looks": self.looks,
            "between_classes": [row.to_dict() for row in self.between_classes],
            "between_splits": [row.to_dict() for row in self.between_splits],
            "guess_without_pixels": self.guess.to_dict(),
            "suspect": self.suspect,
            "other_labels": [
                {"class": name, "other_class": other, "images": images}
                for (name, other), images in self.other_labels.items()
            ],
        }

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Return the differences as a table to print: its header, and a row per covariate.

        A star marks what is of note, with the pair where there are more than two.
        """
        parts = [
            (f"between {name}", {row.covariate: row for row in rows}, len(groups) > 2)
            for name, rows, groups in (
                ("classes", self.between_classes, self.classes),
                ("splits", self.between_splits, self.splits),
            )
            if rows
        ]
        header = ["differs in", *(word for title, _, _ in parts for word in (title, "chance"))]
        names = [
            name
            for covariate in COVARIATES
            for name in (covariate, f"{covariate} unknown")
            if any(name in rows for _, rows, _ in parts)
        ]
        return header, [
            [name, *(c for _, rows, several in parts for c in _cells(rows.get(name), several))]
            for name in names
        ]

    def sentences(self) -> list[str]:
        """Return what is to be told beside the table."""
        told = []
        if any(row.marked for row in (*self.between_classes, *self.between_splits)):
            told.append(
                f"* above {SMD_OF_NOTE} and above chance, as one look in 20 is by chance alone; "
                f"here are {self.looks:,} looks"
            )
        told.append(_guess_told(self.guess))
        if self.suspect:
            told.append(
                f"{self.suspect:,} images are blank: all their pixels are the same; to leave such "
                f'images out create with --where "{_NOT_BLANK}"'
            )
        told += [
            f"{images:,} images of {name} carry a label of {other}"
            for (name, other), images in self.other_labels.items()
        ]
        if self.unknown:
            told.append(f"{self.unknown:,} images are not in the store and not counted here")
        return told


def _cells(row: Difference | None, several: bool) -> list[str]:
    """Return the two cells of a difference; none where the covariate can't be compared."""
    if row is None:
        return ["", ""]
    star = " *" if row.marked else ""
    pair = f" {row.first}, {row.second}" if row.marked and several else ""
    chance = f"{row.chance:.3f}" if math.isfinite(row.chance) else "any"
    return [f"{row.smd:.3f}{star}{pair}", chance]


def _guess_told(guess: Guess) -> str:
    if guess.auc is None or guess.chance is None:
        return f"no guess without a pixel: {guess.reason}"
    low, high = guess.chance
    return (
        f"a guess without a pixel, by {', '.join(guess.by)}: AUC {guess.auc:.2f} on "
        f"{guess.tested} (chance {low:.2f} to {high:.2f})"
    )


def covariates_of(store: "Store", recipe: "Recipe", members: "pyarrow.Table") -> Covariates:
    """Return the covariates of a dataset's members, as far as the store has their images."""
    engine = store.duckdb() if store.reads_locally else store.engine()
    return covariates_on(engine, recipe, members)


def covariates_on(engine: "Engine", recipe: "Recipe", members: "pyarrow.Table") -> Covariates:
    """Return the covariates of a dataset's members on an engine that reads the store."""
    examples = members.select(["class", "split", "image_id"])
    return compare_covariates(
        engine, examples, list(recipe.classes), list(recipe.shares), recipe.classes
    )


def compare_covariates(
    engine: "Engine",
    members: "pyarrow.Table",
    classes: Sequence[str],
    splits: Sequence[str],
    findings: Mapping[str, Sequence[str]],
) -> Covariates:
    """Compare the classes and the splits of members: an Arrow table of class, split, image_id.

    A class is null where none is said; `classes` and `splits` give the order. `findings` has the
    labels of a class, as far as they are known. The relations compared_members, compared_findings,
    member_images and label_of_other_class stay on the engine.
    """
    import pyarrow.compute

    engine.put_arrow("compared_members", members)
    named = [(name, finding) for name, of_it in findings.items() for finding in of_it]
    engine.put("compared_findings", "class VARCHAR, finding VARCHAR", named)
    engine.make("member_images")
    examples = Examples(engine.arrow("examples"), classes, splits)
    engine.gather("label_of_other_class")
    other_labels = engine.fetch(
        "SELECT class, other_class, count(*) FROM label_of_other_class "
        "GROUP BY class, other_class ORDER BY class, other_class"
    )
    tested = engine.scalar("SELECT count(*) FROM checks")
    return Covariates(
        classes=tuple(examples.classes),
        splits=tuple(examples.splits),
        between_classes=tuple(examples.differences("classes")),
        between_splits=tuple(examples.differences("splits")),
        guess=examples.guess(),
        images=examples.images,
        looks=examples.looks,
        unknown=pyarrow.compute.count_distinct(members["image_id"]).as_py() - examples.images,
        suspect=engine.count("suspect_image") if tested else None,
        other_labels={(name, other): int(images) for name, other, images in other_labels},
    )
