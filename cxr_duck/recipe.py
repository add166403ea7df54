"""A recipe: everything that a dataset depends on, beside the index it is made from."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from cxr_duck.errors import RecipeError

__all__ = ["SHARES", "Recipe", "check_arguments"]

# Shares of train, valid and test in hundredths (paper, create_dataset).
SHARES = {"train": 70, "valid": 20, "test": 10}


def check_arguments(
    terms: object,
    classes: object,
    exclude: object,
    seed: object,
    name: object,
    experiment: object,
) -> None:
    """Raise RecipeError where an argument of create_dataset is of the wrong kind."""
    for what, words in (("terms", terms), ("exclude", exclude)):
        if not isinstance(words, str | Sequence) or not all(isinstance(w, str) for w in words):
            raise RecipeError(f"{what} must be a list of terms, not {words!r}")
    if not isinstance(classes, Mapping) or not all(isinstance(q, str) for q in classes.values()):
        raise RecipeError(f"classes must map names to queries, not be {classes!r}")
    if isinstance(seed, bool) or not isinstance(seed, int) or abs(seed) >= 2**63:
        raise RecipeError(f"the seed must be a whole number of at most 63 bits, not {seed!r}")
    names = [("name", "-" if name is None else name), ("experiment", experiment)]
    for what, word in [*names, *(("name of a class", word) for word in classes)]:
        if not isinstance(word, str) or not word.strip() or not word.isprintable():
            raise RecipeError(f"the {what} must be one line of text, not {word!r}")


@dataclass(frozen=True)
class Recipe:
    """What a dataset is made from.

    `classes` maps each class to its findings, those of its term or those that its query names, and
    `excluded` holds the findings to leave out. `queries` has the texts of the classes that are
    queries, and `trees` each query's text, of a class or of `exclude`, resolved as `to_plain` of
    `cxr_duck.query.tree` writes it. All is resolved through the hierarchy when the recipe is made:
    the recipe stays good when a hierarchy is edited. `where` is a condition on the columns of
    `images`, as SQL. `shares` are hundredths.
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

    def to_json(self) -> str:
        """Return the recipe as JSON, its classes and shares in the order they were given."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """Read a recipe that `to_json` wrote; RecipeError where it is none.

        A recipe of a version before the queries has none.
        """
        try:
            recipe = cls(**json.loads(text))
            lost = [query for query in recipe.queries.values() if query not in recipe.trees]
            if lost or not recipe.queries.keys() <= recipe.classes.keys():
                raise ValueError(f"it lacks a class or the tree of a query {lost}")
            return recipe
        except (ValueError, TypeError, AttributeError) as error:
            raise RecipeError(f"this is no recipe of a dataset: {error}") from error
