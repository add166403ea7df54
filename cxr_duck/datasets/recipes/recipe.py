"""A recipe: everything that a dataset depends on, except the index it is made from."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from cxr_duck.errors import RecipeError

__all__ = ["BALANCES", "FINDINGS", "NO_TEST", "OVERLAPS", "SHARES", "TWINS", "UNITS", "Recipe"]

# Shares of train, valid and test in hundredths (paper, create_dataset).
SHARES = {"train": 70, "valid": 20, "test": 10}
# What becomes of an image that belongs to several classes.
OVERLAPS = ("drop", "first", "keep")
# How many images the classes have: as many as the smallest, all that there are, or a ratio.
BALANCES = ("equal", "none")
# How the images of a class that is cut down are spread over its findings.
FINDINGS = ("proportional", "equal")
# What is counted, and kept or left out as a whole.
UNITS = {"image": "images", "study": "studies", "patient": "patients"}

# Whether patients of the same picture are dealt as one, and of twin images one is kept.
TWINS = ("ignore", "together", "one")
# What `test` says where no split is the test.
NO_TEST = "none"
# Fields that a record has only where they are asked for: an earlier version may read it.
_NEWER = ("test", "within")


@dataclass(frozen=True)
class Recipe:
    """What a dataset is made from.

    `classes` maps each class to its findings, those of its term or those that its query names, and
    `excluded` holds the findings to leave out. `queries` has the texts of the classes that are
    queries, and `trees` each query's text, of a class or of `exclude`, resolved as `to_plain` of
    `cxr_duck.query.tree` writes it. All is resolved through the hierarchy when the recipe is made:
    the recipe stays good when a hierarchy is edited. `where` is a condition on the columns of
    `images`, as SQL.

    `shares` are whole numbers, one a split; the last split is the held-out one, the test, unless
    `test` is none; otherwise that is None or the last split's name. `ratio` has a whole number a
    class where `balance` is `ratio`. `by_date` has the dates that part the splits, as ISO 8601.
    `keep_apart` is the name and digest of the dataset whose train patients stay out of this one's
    test, `within` those of the dataset that alone gives images, with a `split` where only that one
    does. `twins` says whether patients who have twin images come to one split together, and whether
    one alone of such images is kept. `stratify` and `match` have columns of `images`, such as sex
    or age:5. `size` is the most units of a class, by the split that it holds for; '' stands for all
    of them.
    """

    classes: dict[str, list[str]]
    exclude: list[str] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)
    pure: bool = False
    where: str | None = None
    hierarchy: str = "padchest"
    hierarchy_sha256: str = ""
    seed: int = 1
    shares: dict[str, int] = field(default_factory=lambda: dict(SHARES))
    queries: dict[str, str] = field(default_factory=dict)
    trees: dict[str, Any] = field(default_factory=dict)
    overlap: str = "drop"
    balance: str = "equal"
    ratio: dict[str, int] = field(default_factory=dict)
    findings: str = "proportional"
    unit: str = "image"
    per_patient: int | None = None
    by_date: list[str] = field(default_factory=list)
    keep_apart: dict[str, str] | None = None
    within: dict[str, str] | None = None
    physician_test: bool = False
    twins: str = "ignore"
    stratify: list[str] = field(default_factory=list)
    match: list[str] = field(default_factory=list)
    size: dict[str, int] = field(default_factory=dict)
    test: str | None = None

    @property
    def terms(self) -> list[str]:
        """The classes that are terms."""
        return [name for name in self.classes if name not in self.queries]

    @property
    def units(self) -> str:
        """What is counted, as a word for several."""
        return UNITS[self.unit]

    @property
    def test_split(self) -> str | None:
        """The split that holds out what no other may have, None where there is none."""
        last = list(self.shares)[-1]
        return None if self.test == NO_TEST != last else last

    def to_json(self) -> str:
        """Return the recipe as JSON, its classes and shares in the order they were given."""
        told = {
            name: value
            for name, value in asdict(self).items()
            if name not in _NEWER or value is not None
        }
        return json.dumps(told, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """Read a recipe that `to_json` wrote; RecipeError where it is none.

        What a recipe of an earlier version lacks was not to be chosen then.
        """
        try:
            recipe = cls(**json.loads(text))
            lost = [query for query in recipe.queries.values() if query not in recipe.trees]
            if lost or not recipe.queries.keys() <= recipe.classes.keys():
                raise ValueError(f"it lacks a class or the tree of a query {lost}")
            return recipe
        except (ValueError, TypeError, AttributeError) as error:
            raise RecipeError(f"this is no recipe of a dataset: {error}") from error
