"""A recipe: everything that a dataset depends on, beside the index it is made from."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from cxr_duck.errors import RecipeError

__all__ = ["SHARES", "Recipe", "check_arguments"]

# Shares of train, valid and test in hundredths (paper, create_dataset).
SHARES = {"train": 70, "valid": 20, "test": 10}


def check_arguments(
    terms: object, exclude: object, seed: object, name: object, experiment: object
) -> None:
    """Raise RecipeError where an argument of create_dataset is of the wrong kind."""
    for what, words in (("terms", terms), ("exclude", exclude)):
        if not isinstance(words, str | Sequence) or not all(isinstance(w, str) for w in words):
            raise RecipeError(f"{what} must be a list of terms, not {words!r}")
    if isinstance(seed, bool) or not isinstance(seed, int) or abs(seed) >= 2**63:
        raise RecipeError(f"the seed must be a whole number of at most 63 bits, not {seed!r}")
    for what, word in (("name", "-" if name is None else name), ("experiment", experiment)):
        if not isinstance(word, str) or not word.strip() or not word.isprintable():
            raise RecipeError(f"the {what} must be one line of text, not {word!r}")


@dataclass(frozen=True)
class Recipe:
    """What a dataset is made from.

    `classes` maps each term to its findings and `excluded` holds the findings to leave out, both
    resolved through the hierarchy when the recipe was made: the recipe stays good when a hierarchy
    is edited. `where` is a condition on the columns of `images`, as SQL. `shares` are hundredths.
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

    def to_json(self) -> str:
        """Return the recipe as JSON, its classes and shares in the order they were given."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """Read a recipe that `to_json` wrote; RecipeError where it is none."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise RecipeError(f"this is no recipe of a dataset: {error}") from error
