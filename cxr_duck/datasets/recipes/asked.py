"""What a recipe says of an option, in the form in which a user asks for it again."""

from cxr_duck.datasets.recipes.recipe import Recipe

__all__ = ["name_apart", "ratio_of", "size_of", "within_of"]


def ratio_of(recipe: Recipe) -> str | dict[str, int]:
    """Return the ratio of a recipe, or in a word how its classes are balanced."""
    return recipe.ratio or recipe.balance


def name_apart(recipe: Recipe) -> str | None:
    """Return the name of the dataset that a recipe is kept apart from, if there is one."""
    return recipe.keep_apart["name"] if recipe.keep_apart else None


def within_of(recipe: Recipe) -> str | None:
    """Return the dataset, and its split if named, that a recipe draws from, if there is one."""
    if recipe.within is None:
        return None
    return ":".join(recipe.within[part] for part in ("name", "split") if part in recipe.within)


def size_of(recipe: Recipe) -> int | dict[str, int] | None:
    """Return the size of a recipe: a number, numbers by split, or None."""
    return recipe.size[""] if recipe.size.keys() == {""} else recipe.size or None
