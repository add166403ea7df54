"""Bundles, which bring a dataset to another holder of the repository without any of its data.

A bundle has the recipe, the ids of the images by split, and the digest. What the images show is
looked up in the store that unbundles it, and the digest over that must be the bundle's.
"""

from dataclasses import replace
from pathlib import Path

from cxr_duck.datasets.dataset import Dataset
from cxr_duck.datasets.making import composition_of
from cxr_duck.datasets.members import make_members
from cxr_duck.datasets.recipes.names import check_name
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.datasets.recipes.request import OPTIONS
from cxr_duck.datasets.record.bundle_file import Bundle, read_bundle, write_bundle
from cxr_duck.datasets.record.record import read_dataset_on, record
from cxr_duck.datasets.record.reproduction import changes_since
from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.errors import BundleError, CxrError, DatasetError, RecipeError
from cxr_duck.index.conditions import record_read
from cxr_duck.progress import SILENT, Progress
from cxr_duck.query.foreign_sql import harm_in
from cxr_duck.store.store import Store

__all__ = ["bundle_dataset", "unbundle_dataset"]

_REASONS = {
    "not indexed": "not indexed",
    "removed": "removed from it",
    "rejected": "refused when it was indexed",
    "no file": "without their image file",
    "damaged": "with a damaged image file",
    "not chosen": "indexed, but not chosen by the recipe",
}


def bundle_dataset(
    store: Store, name: str, path: Path, progress: Progress = SILENT
) -> tuple[Dataset, int]:
    """Write the bundle of a recorded dataset to a new file; return the dataset, and the bytes.

    A store that could not unbundle it itself is told of. Raises BundleError where images of it
    were removed from the store, whose ids are not passed on.
    """
    engine = store.duckdb()
    dataset = read_dataset_on(engine, name)
    if dataset.removed:
        raise BundleError(
            f"{dataset.removed:,} images of {name} were removed from the store, and a bundle would "
            "pass their ids on: make the dataset again, and bundle that"
        )
    bundle = _bundle_of(engine, dataset)
    _refuse_harm(engine, bundle.recipe.where)
    with progress.step("bundling"):
        size = write_bundle(bundle, path)
        trouble = _own_trouble(store, engine, bundle, dataset)
    if trouble:
        progress.note(f"this store could not unbundle it itself: {trouble}")
    return dataset, size


def _refuse_harm(engine: DuckDBEngine, where: str | None) -> None:
    """Raise BundleError where a recipe's condition is none that strangers may pass on."""
    if where is not None and (harm := harm_in(engine, where)) is not None:
        raise BundleError(
            f"the condition {where!r} {harm}: in a bundle it may read the relations and macros of "
            "the store alone"
        )
    if where is not None and (relation := record_read(engine, where)) is not None:
        raise BundleError(
            f"the condition {where!r} reads {relation}, which a bundle doesn't bring along: make "
            "the dataset again with --within DATASET in place of that, and bundle it"
        )


def _bundle_of(engine: DuckDBEngine, dataset: Dataset) -> Bundle:
    ((version, source, label_file),) = engine.fetch(
        "SELECT dataset.package_version, publications.source, publications.label_file "
        "FROM experiments.dataset INNER JOIN publications USING (publication) WHERE name = ?",
        dataset.name,
    )
    return Bundle(
        name=dataset.name,
        digest=dataset.digest,
        package_version=version,
        source=source,
        label_file=label_file,
        label_file_sha256=dataset.label_file_sha256,
        images=int(engine.scalar("SELECT count(DISTINCT image_id) FROM recorded_members")),
        members=dataset.members.num_rows,
        recipe=dataset.recipe,
        splits=dict(engine.rows("split_images")),
    )


def _own_trouble(
    store: Store, engine: DuckDBEngine, bundle: Bundle, dataset: Dataset
) -> str | None:
    """Return why the store that a bundle comes from could not unbundle it, None where it could."""
    try:
        _look_members_up(engine, bundle)
        _check_members(engine, bundle)
    except CxrError as error:
        changes = ", ".join(changes_since(store, dataset.publication))
        return f"since it was made, {changes}" if changes else str(error)
    return None


def unbundle_dataset(
    store: Store,
    path: Path,
    name: str | None = None,
    experiment: str = "default",
    progress: Progress = SILENT,
) -> Dataset:
    """Record the dataset of a bundle under its name, or another, with the members it has here.

    One that the store has already is left as it is. Raises BundleError for a file that is no
    bundle, and where the store can't give the same members: its `images` are those that lack.
    Raises DatasetError where another dataset has the name.
    """
    bundle = read_bundle(path)
    wanted = name if name is not None else bundle.name
    check_name("name", wanted)
    check_name("experiment", experiment)
    engine = store.duckdb()
    taken = engine.fetch("SELECT digest FROM experiments.dataset WHERE name = ?", wanted)
    if taken == [(bundle.digest,)]:
        progress.note(f"the store has {wanted} already, with the same digest")
        return read_dataset_on(engine, wanted)
    if taken:
        raise DatasetError(
            f"the store has another dataset {wanted!r} already: choose another name with --name"
        )
    _refuse_harm(engine, bundle.recipe.where)
    with progress.step("unbundling"):
        _look_members_up(engine, bundle)
        _check_members(engine, bundle)
        return record(store, _dataset_of(engine, bundle, wanted), experiment)


def _dataset_of(engine: DuckDBEngine, bundle: Bundle, name: str) -> Dataset:
    ((publication, label_file_sha256),) = engine.fetch(
        "SELECT publication, label_file_sha256 FROM publications ORDER BY publication DESC LIMIT 1"
    )
    return Dataset(
        name=name,
        recipe=bundle.recipe,
        digest=bundle.digest,
        composition=composition_of(engine),
        members=engine.arrow_of("bundle_members"),
        publication=publication,
        label_file_sha256=label_file_sha256,
    )


def _look_members_up(engine: DuckDBEngine, bundle: Bundle) -> None:
    """Make bundle_members and lacking_images: what the store has of a bundle, and what it lacks."""
    engine.put(
        "bundle_images",
        "image_id VARCHAR, split VARCHAR",
        [(image_id, split) for split, ids in bundle.splits.items() for image_id in ids],
    )
    engine.put(
        "eligible", "class VARCHAR, finding VARCHAR, image_id VARCHAR, patient_id VARCHAR", []
    )
    trouble: RecipeError | None = None
    try:
        make_members(engine, _on_its_own(bundle.recipe))
    except RecipeError as error:
        trouble = error
    engine.make("bundle_members")
    engine.create("dataset_members", "FROM bundle_members")
    engine.make("lacking_images")
    # A class may be empty just for the images that lack here: those are told then.
    if trouble is not None and not engine.scalar(
        "SELECT count(*) FROM lacking_images WHERE reason <> 'not chosen'"
    ):
        raise trouble


def _on_its_own(recipe: Recipe) -> Recipe:
    """Return a recipe without the rules that look at other images: a bundle's are chosen already.

    A patient's other images may lack here, their twins, and the dataset to keep apart from.
    """
    plain = Recipe({})
    looking = [name for name, option in OPTIONS.items() if option.beside_members]
    return replace(recipe, **{name: getattr(plain, name) for name in looking})


def _check_members(engine: DuckDBEngine, bundle: Bundle) -> None:
    """Raise BundleError unless bundle_members are those that the bundle was made of."""
    lacking = engine.fetch("SELECT reason, count(*) FROM lacking_images GROUP BY reason")
    if lacking:
        counts = dict(lacking)
        told = ", ".join(
            f"{counts[key]:,} {word}" for key, word in _REASONS.items() if key in counts
        )
        raise BundleError(
            f"{bundle.name} can't be had from this store, which lacks {sum(counts.values()):,} of "
            f"its {bundle.images:,} images ({told}); "
            f"{_origin(engine, bundle)}",
            engine.arrow_of("lacking_images"),
        )
    if engine.rows("digest")[0][0] != bundle.digest:
        rows = int(engine.scalar("SELECT count(*) FROM bundle_members"))
        raise BundleError(
            f"{bundle.name} can't be had from this store: it has all {bundle.images:,} images, but "
            f"other findings for some ({rows:,} of them in place of {bundle.members:,}), so the "
            f"digest is another; {_origin(engine, bundle)}"
        )
    torn = engine.scalar(
        "SELECT count(*) FROM (SELECT patient_id FROM bundle_members "
        "GROUP BY patient_id HAVING count(DISTINCT split) > 1)"
    )
    if torn:
        raise BundleError(
            f"{bundle.name} is not taken: {torn:,} patients would have images in two of its splits"
        )


def _origin(engine: DuckDBEngine, bundle: Bundle) -> str:
    """Say which label file a bundle's dataset was made from, and whether the store has it."""
    known = engine.scalar(
        "SELECT count(*) FROM publications WHERE label_file_sha256 = ?", bundle.label_file_sha256
    )
    has = "this store indexed as well" if known else "this store has not indexed"
    return (
        f"the store that it comes from indexed {bundle.label_file} last (SHA-256 "
        f"{bundle.label_file_sha256[:12]}…), which {has}"
    )
