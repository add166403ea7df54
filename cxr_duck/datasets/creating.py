"""From a user's request to a dataset: resolved, made and, unless refused, recorded."""

import os
from pathlib import Path

from cxr_duck.datasets.dataset import Dataset
from cxr_duck.datasets.making import make_dataset
from cxr_duck.datasets.recipes.names import check_name
from cxr_duck.datasets.recipes.request import Request
from cxr_duck.datasets.recipes.resolve import make_recipe
from cxr_duck.datasets.recipes.toml import read_recipe_file
from cxr_duck.datasets.record.record import record
from cxr_duck.progress import Progress
from cxr_duck.store.store import Store
from cxr_duck.terms.drawn import note_empty_terms
from cxr_duck.terms.stored import open_hierarchy

__all__ = ["create_dataset", "create_from_file", "record_dataset"]


def create_dataset(
    store: Store,
    request: Request,
    name: str | None,
    experiment: str,
    store_it: bool,
    progress: Progress,
) -> Dataset:
    """Resolve a request, make its dataset and, unless `store_it` is false, record it.

    Raises UnknownTermError, DatasetError, or RecipeError where the request can't be met.
    """
    check_name("name", "-" if name is None else name)
    check_name("experiment", experiment)
    engine = store.engine()
    hierarchy, own = open_hierarchy(engine, request.hierarchy)
    recipe = make_recipe(engine, request, hierarchy)
    if own is not None:
        note_empty_terms(
            own, dict(engine.rows("term_counts", hierarchy=own.name, damaged=False)), progress
        )
    with progress.step("making the dataset"):
        dataset = make_dataset(store, recipe, name or "", own)
    for note in dataset.notes:
        progress.note(note)
    return record_dataset(store, dataset, experiment, progress) if store_it else dataset


def create_from_file(
    store: Store,
    recipe_file: str | os.PathLike[str],
    name: str | None,
    experiment: str | None,
    store_it: bool,
    progress: Progress,
) -> Dataset:
    """Do the same as a TOML file asks for it; `name` and `experiment` go before those in it."""
    request, named, of_experiment = read_recipe_file(Path(recipe_file))
    of_experiment = "default" if of_experiment is None else of_experiment
    return create_dataset(
        store,
        request,
        named if name is None else name,
        of_experiment if experiment is None else experiment,
        store_it,
        progress,
    )


def record_dataset(store: Store, dataset: Dataset, experiment: str, progress: Progress) -> Dataset:
    """Record a dataset, and tell that it is done; return it as it was recorded, with a name."""
    with progress.step("recording the dataset"):
        return record(store, dataset, experiment, progress)
