"""Makes a dataset from a recipe by the stages of `sql/5_datasets`."""

from cxr_duck.datasets.allocation.decisions import Decisions
from cxr_duck.datasets.allocation.nearness import exactness_of
from cxr_duck.datasets.allocation.run import balance, cells_by_number, deal_patients
from cxr_duck.datasets.allocation.sizes import select_size
from cxr_duck.datasets.dataset import Dataset
from cxr_duck.datasets.filters import judge_images, removals_of
from cxr_duck.datasets.members import make_members
from cxr_duck.datasets.notes import notes_on
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.engines.engine import Engine
from cxr_duck.store.store import Store
from cxr_duck.terms.hierarchy import Hierarchy

__all__ = ["composition_of", "make_dataset", "make_dataset_on"]


def make_dataset(
    store: Store,
    recipe: Recipe,
    name: str,
    own_hierarchy: Hierarchy | None = None,
    decided: Decisions | None = None,
) -> Dataset:
    """Make a dataset from a recipe and record nothing; RecipeError where it can't be met.

    What was `decided` when it was first made is taken instead of deciding again.
    """
    return make_dataset_on(store.engine(), recipe, name, own_hierarchy, decided)


def make_dataset_on(
    engine: Engine,
    recipe: Recipe,
    name: str,
    own_hierarchy: Hierarchy | None = None,
    decided: Decisions | None = None,
) -> Dataset:
    """Make a dataset and leave the relations of `sql/5_datasets` on the engine to look at."""
    make_members(engine, recipe)
    engine.gather("cells")
    allocation, exactness = deal_patients(engine, recipe, decided)
    engine.make("unit_kinds")
    quotas = balance(engine, recipe, decided)
    select_size(engine, recipe, quotas, cells_by_number(engine))
    engine.make("dataset_members")
    judge_images(engine, recipe)
    ((publication, label_file_sha256),) = engine.fetch(
        "SELECT publication, label_file_sha256 FROM publications ORDER BY publication DESC LIMIT 1"
    )
    return Dataset(
        name=name,
        recipe=recipe,
        digest=str(engine.rows("digest")[0][0]),
        composition=composition_of(engine),
        members=engine.query("SELECT * FROM dataset_members ORDER BY class, finding, image_id"),
        publication=publication,
        label_file_sha256=label_file_sha256,
        own_hierarchy=own_hierarchy,
        decisions=Decisions(allocation, quotas, exactness_of(engine, recipe, exactness)),
        notes=notes_on(engine, recipe, own_hierarchy),
        removals=removals_of(engine),
    )


def composition_of(engine: Engine) -> dict[tuple[str, str, str], int]:
    """Return the images a (class, finding, split) of the relation dataset_members."""
    return {
        (term, finding, split): int(images)
        for term, finding, split, images in engine.rows("composition")
    }
