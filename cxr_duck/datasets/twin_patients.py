"""Patients who have twin images, and so are dealt to splits as one."""

from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.engines.engine import Engine
from cxr_duck.errors import RecipeError
from cxr_duck.images.surveys.components import components

__all__ = ["put_twin_patients", "refuse_unseen_images"]


def put_twin_patients(engine: Engine, recipe: Recipe) -> None:
    """Make twin_patients: for each patient of a recipe who has twins, the name that is dealt.

    That is the smallest name among the patients who are connected by twins, in the whole store. A
    recipe that ignores twins has none. Raises RecipeError where nobody looked for twins yet.
    """
    engine.put("twin_patients", "patient_id VARCHAR, dealt_as VARCHAR", [])
    if recipe.twins == "ignore":
        return
    if not engine.scalar("SELECT count(*) FROM fingerprints"):
        raise RecipeError(
            f"twins = {recipe.twins} needs to know which images are twins: run 'cxr twins' first"
        )
    engine.put_arrow("connected_patients", components(engine.arrow("patients_with_twins")))
    engine.append("twin_patients", "SELECT name, first FROM connected_patients")


def refuse_unseen_images(engine: Engine, recipe: Recipe) -> None:
    """Raise RecipeError where twins of a candidate were never looked for."""
    if recipe.twins == "ignore":
        return
    if unseen := engine.count("unseen_images"):
        raise RecipeError(
            f"twins = {recipe.twins} needs to know the twins of every image, and {unseen:,} of the "
            "recipe's have no fingerprint: run 'cxr twins' again, after 'cxr index --images' where "
            "they were indexed without"
        )
