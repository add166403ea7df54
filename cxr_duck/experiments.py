"""The experiments schema: datasets recorded, read back, and made again."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import duckdb

from cxr_duck import __version__
from cxr_duck.catalog import describe, write_terms
from cxr_duck.datasets import Dataset, composition_of, make_dataset
from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.errors import DatasetError
from cxr_duck.recipe import Recipe
from cxr_duck.store import Store
from cxr_duck.terms import Hierarchy

__all__ = ["default_name", "read_dataset", "record", "reproduce"]


def default_name(store: Store, terms: Sequence[str]) -> str:
    """Return a name made of the terms that no recorded dataset has."""
    words = "-vs-".join(terms) if len(terms) < 4 else f"{terms[0]}-and-{len(terms) - 1}-more"
    stem = re.sub(r"[^\w.+-]+", "-", words).strip("-.") or "dataset"
    taken = {
        name
        for (name,) in store.cursor().execute("SELECT name FROM experiments.dataset").fetchall()
    }
    numbers = (f"{stem}-{number}" for number in range(2, len(taken) + 3))
    return next(name for name in [stem, *numbers] if name not in taken)


def record(
    store: Store, dataset: Dataset, experiment: str, hierarchy: Hierarchy | None = None
) -> None:
    """Record a dataset with its recipe, members and digest, in one publication of the store.

    `hierarchy` is a user's own that the recipe was resolved with; its terms are kept.
    """
    with store.publishing() as publication:
        catalog = publication.catalog
        engine = DuckDBEngine(catalog)
        if hierarchy is not None:
            write_terms(catalog, [hierarchy])
            describe(catalog)
        if engine.scalar("SELECT count(*) FROM experiments.dataset WHERE name = ?", dataset.name):
            raise DatasetError(
                f"the store has a dataset {dataset.name!r} already: choose another --name"
            )
        now = datetime.now(UTC).replace(tzinfo=None)
        catalog.execute(
            "INSERT INTO experiments.experiment "
            "SELECT coalesce(max(experiment_id), 0) + 1, ?, ? FROM experiments.experiment "
            "HAVING NOT coalesce(bool_or(name = ?), FALSE)",
            [experiment, now, experiment],
        )
        catalog.execute(
            "INSERT INTO experiments.dataset "
            "SELECT coalesce((SELECT max(dataset_id) FROM experiments.dataset), 0) + 1, "
            "experiment_id, $name, $digest, $seed, $pure, $hierarchy, $images, $recipe, "
            "publication, label_file_sha256, $package, $engine, $now "
            "FROM experiments.experiment CROSS JOIN publications "
            "WHERE experiment.name = $experiment AND publication = $publication",
            {
                "name": dataset.name,
                "digest": dataset.digest,
                "seed": dataset.recipe.seed,
                "pure": dataset.recipe.pure,
                "hierarchy": dataset.recipe.hierarchy,
                "images": dataset.images(),
                "recipe": dataset.recipe.to_json(),
                "package": __version__,
                "engine": duckdb.__version__,
                "now": now,
                "experiment": experiment,
                "publication": dataset.publication,
            },
        )
        number = engine.scalar("SELECT max(dataset_id) FROM experiments.dataset")
        catalog.register("new_members", dataset.members)
        catalog.execute(
            "INSERT INTO experiments.finding "
            "SELECT (SELECT coalesce(max(finding_id), 0) FROM experiments.finding) "
            "+ row_number() OVER (ORDER BY class, finding), ?, class, finding "
            "FROM (SELECT DISTINCT class, finding FROM new_members)",
            [number],
        )
        catalog.execute(
            "INSERT INTO experiments.image SELECT finding_id, image_id, patient_id, split "
            "FROM new_members INNER JOIN experiments.finding USING (class, finding) "
            "WHERE dataset_id = ? ORDER BY finding_id, image_id",
            [number],
        )
        catalog.unregister("new_members")


def read_dataset(store: Store, name: str) -> Dataset:
    """Return a recorded dataset; DatasetError where the store has none of this name."""
    engine = DuckDBEngine(store.cursor())
    rows = engine.connection.execute(
        "SELECT recipe, digest, publication FROM experiments.dataset WHERE name = ?", [name]
    ).fetchall()
    if not rows:
        names = [
            other
            for (other,) in engine.connection.execute(
                "SELECT name FROM experiments.dataset ORDER BY dataset_id DESC LIMIT 5"
            ).fetchall()
        ]
        hint = f"it has {', '.join(names)}" if names else "'cxr create' makes one"
        raise DatasetError(f"the store has no dataset {name!r}: {hint}")
    engine.make("recorded_members", dataset=name)
    engine.connection.execute("CREATE TEMP VIEW dataset_members AS FROM recorded_members")
    return Dataset(
        name=name,
        recipe=Recipe.from_json(rows[0][0]),
        digest=rows[0][1],
        composition=composition_of(engine),
        members=engine.arrow_of("recorded_members"),
        publication=rows[0][2],
    )


def reproduce(store: Store, name: str) -> tuple[Dataset, Dataset, list[tuple[str | None, ...]]]:
    """Make a recorded dataset again from its recipe: (recorded, made, what differs).

    A difference is (class, finding, image_id, recorded split, made split); a split is None where
    the image is not in that dataset.
    """
    recorded = read_dataset(store, name)
    made = make_dataset(store, recorded.recipe, name)
    engine = DuckDBEngine(store.cursor())
    for relation, dataset in (("recorded_members", recorded), ("dataset_members", made)):
        engine.connection.register(relation, dataset.members)
    return recorded, made, engine.rows("differences")
