"""The schema `experiments`: writes datasets to it and reads them back."""

import json
import re
from dataclasses import asdict, replace
from datetime import UTC, datetime

import duckdb

from cxr_duck.datasets.allocation.decisions import (
    ALLOCATION_COLUMNS,
    QUOTA_COLUMNS,
    Decisions,
    Exactness,
)
from cxr_duck.datasets.dataset import Dataset
from cxr_duck.datasets.making import composition_of
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.engines.engine import Engine
from cxr_duck.errors import DatasetError
from cxr_duck.progress import SILENT, Progress
from cxr_duck.store.catalog import describe
from cxr_duck.store.store import Store
from cxr_duck.terms.stored import write_terms
from cxr_duck.version import __version__

__all__ = ["experiment_of", "read_dataset", "read_dataset_on", "record"]


def record(store: Store, dataset: Dataset, experiment: str, progress: Progress = SILENT) -> Dataset:
    """Record a dataset with its recipe, members and digest, in one publication of the store.

    A dataset without a name gets one of its terms. Returns the dataset as it was recorded; one
    that was recorded already, the same to the digest, is left as it is. `progress` is told where
    its hierarchy replaces another one of its name.
    """
    replaced: list[str] = []
    with store.publishing() as publication:
        engine = DuckDBEngine(publication.catalog)
        named = replace(dataset, name=dataset.name or _free_name(engine, dataset.recipe))
        if _is_recorded(engine, named):
            publication.discarded = True
            return named
        if named.own_hierarchy is not None:
            replaced = write_terms(publication.catalog, [named.own_hierarchy])
            describe(publication.catalog)
        _insert(engine, named, experiment)
    for sentence in replaced:
        progress.note(sentence)
    return named


def _free_name(engine: DuckDBEngine, recipe: Recipe) -> str:
    """Return a name made of the terms that no recorded dataset has."""
    terms = list(recipe.classes)
    words = "-vs-".join(terms) if len(terms) < 4 else f"{terms[0]}-and-{len(terms) - 1}-more"
    stem = re.sub(r"[^\w.+-]+", "-", words).strip("-.") or "dataset"
    taken = {name for (name,) in engine.fetch("SELECT name FROM experiments.dataset")}
    numbers = (f"{stem}-{number}" for number in range(2, len(taken) + 3))
    return next(name for name in [stem, *numbers] if name not in taken)


def _is_recorded(engine: DuckDBEngine, dataset: Dataset) -> bool:
    """Tell whether the store has this dataset; DatasetError where it can't take it."""
    rows = engine.fetch(
        "SELECT digest, recipe FROM experiments.dataset WHERE name = ?", dataset.name
    )
    if rows and rows[0][0] == dataset.digest and Recipe.from_json(rows[0][1]) == dataset.recipe:
        return True
    if rows:
        raise DatasetError(f"the store has a dataset {dataset.name!r} already: choose another name")
    if not engine.scalar(
        "SELECT count(*) FROM publications WHERE publication = ? AND label_file_sha256 = ?",
        dataset.publication,
        dataset.label_file_sha256,
    ):
        raise DatasetError(
            "this dataset was made from an index that the store doesn't have: make it again here"
        )
    engine.connection.register("new_members", dataset.members)
    gone = engine.scalar(
        "SELECT count(DISTINCT image_id) FROM new_members SEMI JOIN removed_images USING (image_id)"
    )
    engine.connection.unregister("new_members")
    if gone:
        raise DatasetError(
            f"{gone:,} images of this dataset were removed from the store: make it again"
        )
    return False


def _insert(engine: DuckDBEngine, dataset: Dataset, experiment: str) -> None:
    """Insert the rows of a dataset into the experiments schema."""
    now = datetime.now(UTC).replace(tzinfo=None)
    found = engine.fetch(
        "SELECT experiment_id FROM experiments.experiment WHERE name = ?", experiment
    )
    if not found:
        found = [(_next(engine, "experiment_id", "experiments.experiment"),)]
        engine.fetch(
            "INSERT INTO experiments.experiment VALUES (?, ?, ?)", found[0][0], experiment, now
        )
    number = _next(engine, "dataset_id", "experiments.dataset")
    recipe = dataset.recipe
    row = [
        number,
        found[0][0],
        dataset.name,
        dataset.digest,
        recipe.seed,
        recipe.pure,
        recipe.hierarchy,
        recipe.unit,
        recipe.overlap,
        recipe.balance,
        dataset.images(),
        recipe.to_json(),
        json.dumps(asdict(dataset.exactness)),
        dataset.publication,
        dataset.label_file_sha256,
        __version__,
        duckdb.__version__,
        now,
    ]
    marks = ", ".join("?" * len(row))
    engine.fetch(f"INSERT INTO experiments.dataset VALUES ({marks})", *row)
    engine.connection.register("new_members", dataset.members)
    engine.fetch(
        "INSERT INTO experiments.finding "
        "SELECT ? + row_number() OVER (ORDER BY class, finding) - 1, ?, class, finding "
        "FROM (SELECT DISTINCT class, finding FROM new_members)",
        _next(engine, "finding_id", "experiments.finding"),
        number,
    )
    engine.fetch(
        "INSERT INTO experiments.image SELECT finding_id, image_id, patient_id, split "
        "FROM new_members INNER JOIN experiments.finding USING (class, finding) "
        "WHERE dataset_id = ? ORDER BY finding_id, image_id",
        number,
    )
    engine.connection.unregister("new_members")
    _insert_decisions(engine, number, dataset.decisions)


def _insert_decisions(engine: DuckDBEngine, number: int, decisions: Decisions) -> None:
    engine.put("new_allocation", ALLOCATION_COLUMNS, decisions.allocation)
    engine.put("new_quotas", QUOTA_COLUMNS, decisions.quotas)
    for table, rows in (("allocation", "new_allocation"), ("quota", "new_quotas")):
        engine.fetch(f"INSERT INTO experiments.{table} SELECT ?, * FROM {rows}", number)
        engine.fetch(f"DROP TABLE {rows}")


def _decisions(engine: Engine, number: int, exactness: str) -> Decisions:
    """Return what was decided when a dataset was made; a dataset from a bundle has nothing."""
    return Decisions(
        allocation=engine.fetch(
            "SELECT * EXCLUDE (dataset_id) FROM experiments.allocation WHERE dataset_id = ?", number
        ),
        quotas=engine.fetch(
            "SELECT * EXCLUDE (dataset_id) FROM experiments.quota WHERE dataset_id = ?", number
        ),
        exactness=Exactness(**json.loads(exactness)),
    )


def _next(engine: DuckDBEngine, key: str, table: str) -> int:
    return int(engine.scalar(f"SELECT coalesce(max({key}), 0) + 1 FROM {table}"))


def read_dataset(store: Store, name: str) -> Dataset:
    """Return a recorded dataset; DatasetError where the store has none of this name."""
    return read_dataset_on(store.engine(), name)


def read_dataset_on(engine: Engine, name: str) -> Dataset:
    """Return a recorded dataset and leave its recorded_members on the engine to go on with."""
    rows = engine.fetch(
        "SELECT recipe, digest, publication, label_file_sha256, dataset_id, exactness "
        "FROM experiments.dataset WHERE name = ?",
        name,
    )
    if not rows:
        names = [
            other
            for (other,) in engine.fetch(
                "SELECT name FROM experiments.dataset ORDER BY dataset_id DESC LIMIT 5"
            )
        ]
        hint = f"it has {', '.join(names)}" if names else "'cxr create' makes one"
        raise DatasetError(f"the store has no dataset {name!r}: {hint}")
    engine.make("recorded_members", dataset=name)
    members = engine.arrow_of("recorded_members")
    engine.put_arrow("dataset_members", members)
    return Dataset(
        name=name,
        recipe=Recipe.from_json(rows[0][0]),
        digest=rows[0][1],
        composition=composition_of(engine),
        members=members,
        publication=rows[0][2],
        label_file_sha256=rows[0][3],
        decisions=_decisions(engine, rows[0][4], rows[0][5]),
        removed=int(
            engine.scalar(
                "SELECT count(DISTINCT image_id) FROM experiments.members "
                "WHERE dataset = ? AND removed",
                name,
            )
        ),
        damaged=int(
            engine.scalar(
                "SELECT count(DISTINCT image_id) FROM recorded_members "
                "SEMI JOIN damaged_images USING (image_id)"
            )
        ),
    )


def experiment_of(store: Store, name: str) -> str:
    """Return the name of the experiment that a recorded dataset belongs to."""
    return str(
        store.engine().scalar(
            "SELECT experiment.name FROM experiments.dataset "
            "INNER JOIN experiments.experiment USING (experiment_id) WHERE dataset.name = ?",
            name,
        )
    )
