"""The options of a recipe, defined once, and what a user asks by them before it is looked up.

The command line, `ExperimentData.create_dataset`, recipe files and the README's table of options
are made from the fields of `Request` or held to them by tests. To add an option, add a field here,
a parameter of the same name and default to `create_dataset`, and what comes of it to `Recipe`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any

from cxr_duck.datasets.recipes import kinds
from cxr_duck.datasets.recipes.asked import name_apart, ratio_of, size_of, within_of
from cxr_duck.datasets.recipes.option import option, option_of
from cxr_duck.datasets.recipes.recipe import FINDINGS, OVERLAPS, TWINS, UNITS, Recipe
from cxr_duck.terms.default import DEFAULT_HIERARCHY

__all__ = ["OPTIONS", "Request", "asked_of"]


@dataclass(frozen=True)
class Request:
    """The options of `create_dataset`, each of the right kind; RecipeError names one that isn't.

    `terms` become classes, and `classes` maps the names of further ones to queries.
    """

    terms: Sequence[str] = field(
        default=(),
        metadata=option(
            kinds.TERMS,
            "",
            "Each becomes a class.",
            metavar="TERM",
            meaning="the classes that are terms, with all that is below them in the hierarchy",
            python="term_list",
            always=True,
        ),
    )
    classes: Mapping[str, str] = field(
        default_factory=dict,
        metadata=option(
            kinds.QUERIES,
            "--class",
            "A class of a query's images; may be repeated.",
            metavar="NAME=QUERY",
            meaning="the classes that are queries. Once for each",
            of=lambda recipe: recipe.queries,
            rank=4,
        ),
    )
    exclude: Sequence[str] = field(
        default=(),
        metadata=option(
            kinds.TERMS,
            "--exclude",
            "Leave out images with it; may be repeated.",
            metavar="TERM|QUERY",
            meaning="images with this term, or that this query holds for, are left out. Once for "
            "each",
        ),
    )
    pure: bool = field(
        default=False,
        metadata=option(
            kinds.FLAG,
            "--pure",
            "Only images with one finding.",
            meaning="only images with exactly one finding",
        ),
    )
    where: str | None = field(
        default=None,
        metadata=option(
            kinds.TEXT,
            "--where",
            "SQL condition on the columns of images.",
            meaning="only images that meet this SQL condition on the columns of `images`",
        ),
    )
    within: str | None = field(
        default=None,
        metadata=option(
            kinds.TEXT,
            "--within",
            "Only images of a recorded dataset, or of one split of it.",
            metavar="DATASET[:SPLIT]",
            meaning="only images of a recorded dataset, or of one of its splits (`full:train`), "
            "for a smaller or another draw from it",
            of=within_of,
            label="within",
            beside_members=True,
        ),
    )
    hierarchy: str = field(
        default=DEFAULT_HIERARCHY,
        metadata=option(
            kinds.TEXT,
            "--hierarchy",
            "padchest, paper, or a CSV file of term, parent.",
            meaning="`padchest`, `paper`, one used before, or a CSV file of term, parent",
            always=True,
        ),
    )
    seed: int = field(
        default=1,
        metadata=option(
            kinds.SEED,
            "--seed",
            "Number that chance is drawn from.",
            meaning="the number that chance is drawn from: the same seed gives the same dataset",
            always=True,
        ),
    )
    overlap: str = field(
        default="drop",
        metadata=option(
            kinds.choice(OVERLAPS),
            "--overlap",
            "Images of several classes: drop, first or keep.",
            meaning="an image of two classes is left out (`drop`), an example of the `first` of "
            "them, or stays in all of them (`keep`, for multi-label training)",
            label="overlap",
        ),
    )
    balance: str | Mapping[str, int] = field(
        default="equal",
        metadata=option(
            kinds.BALANCE,
            "--balance",
            "Sizes of the classes: equal, none, or such as 2:1.",
            meaning="classes are `equal`, keep all they have (`none`), or have a ratio: `2:1` in "
            "their order, or in a file `balance = {normal = 2, not-normal = 1}`",
            of=ratio_of,
            label="balance",
            always=True,
            rank=2,
        ),
    )
    findings: str = field(
        default="proportional",
        metadata=option(
            kinds.choice(FINDINGS),
            "--findings",
            "Within a class: proportional or equal.",
            meaning="a class that is cut down keeps the shares of its findings (`proportional`), "
            "or they become `equal`, within one a split; an image with several counts for the "
            "rarest, so that the numbers are exact where images have one finding of their class "
            "(`--pure`)",
            label="findings",
        ),
    )
    unit: str = field(
        default="image",
        metadata=option(
            kinds.choice(tuple(UNITS)),
            "--unit",
            "What is counted: image, study or patient.",
            meaning="what is counted, and stays or goes as a whole: `image`, `study` or `patient`",
            label="unit",
        ),
    )
    per_patient: int | None = field(
        default=None,
        metadata=option(
            kinds.PER_PATIENT,
            "--per-patient",
            "Most images of a patient and class.",
            meaning="at most N images of a patient and class, by chance",
            label="at most",
            rank=1,
            beside_members=True,
        ),
    )
    shares: Mapping[str, float] | None = field(
        default=None,
        metadata=option(
            kinds.SHARES,
            "--shares",
            "Splits and their shares.",
            metavar="SPLIT=N,…",
            default_help="train=70,valid=20,test=10",
            meaning="any number of splits; the last one is the test. "
            "`train=70,valid=20,test=10` unless given",
            table="splits",
            label="shares",
            always=True,
        ),
    )
    by_date: Sequence[str | date] = field(
        default=(),
        metadata=option(
            kinds.DATES,
            "--by-date",
            "First days of the splits after the first.",
            metavar="DATE,…",
            meaning="splits by the date of the study, each date the first day of the next split "
            "(`2014-01-01,2015-01-01`); one date parts train and test. A patient belongs to the "
            "split of most of the images (of the later one at a tie), and images of other periods "
            "or without a date are left out and counted. Splits have no shares then; classes are "
            "equal in each",
            table="splits",
            label="by date",
            beside_members=True,
        ),
    )
    folds: int | None = field(
        default=None,
        metadata=option(
            kinds.FOLDS,
            "--folds",
            "Make so many equal splits.",
            meaning="N equal splits, for cross-validation; beside `shares` the first split is "
            "parted into them, and the others stay: `train=80,test=20`",
            table="splits",
            of=lambda recipe: None,  # a recipe has their shares
        ),
    )
    keep_apart: str | None = field(
        default=None,
        metadata=option(
            kinds.TEXT,
            "--keep-apart",
            "No patient of its train comes to this test, none of its test elsewhere.",
            metavar="DATASET",
            meaning="a patient of that dataset's test comes to this test alone, and one of its "
            "other splits never to this test, for a series of experiments on one held-out set. "
            "Where no split is the test (`--test none`, `--folds`), patients of its test are left "
            "out",
            table="splits",
            of=name_apart,
            label="apart",
            beside_members=True,
        ),
    )
    test: str | None = field(
        default=None,
        metadata=option(
            kinds.TEXT,
            "--test",
            "Split that is the test, the last one unless given; or none.",
            metavar="SPLIT|none",
            meaning="the split that is the test, which becomes the last one, or `none`; "
            "`keep_apart` goes by it",
            table="splits",
            label="test",
            beside_members=True,
        ),
    )
    physician_test: bool = field(
        default=False,
        metadata=option(
            kinds.BY_HAND,
            "--physician-test",
            "Only images labelled by hand after the first split.",
            meaning="all splits but the first have only images labelled by hand: patients with any "
            "other image come to the first split alone",
            table="splits",
            label="by hand",
            beside_members=True,
        ),
    )
    twins: str = field(
        default="ignore",
        metadata=option(
            kinds.choice(TWINS),
            "--twins",
            "Twin images: ignore, deal their patients together, or keep one.",
            meaning="patients who have twin images (`cxr twins`) come to one split `together`, and "
            "of such images `one` alone is kept, by chance; or twins are left alone (`ignore`)",
            label="twins",
            beside_members=True,
        ),
    )
    stratify: Sequence[str] = field(
        default=(),
        metadata=option(
            kinds.COLUMNS,
            "--stratify",
            "Splits are near in it too, such as sex or age:10; may be repeated.",
            metavar="COLUMN[:STEP]",
            meaning="splits are near in the values of a column of `images` too, softer than in "
            "findings: `sex`, numbers in steps (`age:10`), dates by year (`year` is that of the "
            "study); unknown is a value of its own. Once for each",
            label="stratify",
        ),
    )
    match: Sequence[str] = field(
        default=(),
        metadata=option(
            kinds.COLUMNS,
            "--match",
            "Classes have the same numbers in each value of it; may be repeated.",
            metavar="COLUMN[:STEP]",
            meaning="the classes have the same number of images (or their ratio) in every "
            "combination of these columns, in every split. Once for each",
            label="match",
        ),
    )
    size: int | Mapping[str, int] | None = field(
        default=None,
        metadata=option(
            kinds.SIZE,
            "--size",
            "Most images of a class; sizes are nested.",
            metavar="N|SPLIT=N,…",
            meaning="at most N units of a class, in all splits together or in one; a smaller size "
            "lies within a larger one",
            of=size_of,
            label="size",
            rank=3,
        ),
    )

    def __post_init__(self) -> None:
        """Check the kind of each option."""
        for name, told in OPTIONS.items():
            object.__setattr__(self, name, told.kind.checked(name, getattr(self, name)))


OPTIONS = {field.name: option_of(field) for field in fields(Request)}


def asked_of(recipe: Recipe) -> dict[str, Any]:
    """Return the options that ask for a recipe again, by name, as they stand in it."""
    return {name: option.of(recipe) for name, option in OPTIONS.items()}
