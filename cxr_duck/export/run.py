"""Exports a recorded dataset: reads it, plans the files, writes them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_duck.datasets.covariates.covariates import covariates_on
from cxr_duck.datasets.examples import is_multilabel, manifest_of, with_targets
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.datasets.recipes.recipe_values import fold_shares
from cxr_duck.datasets.record.origin import read_record
from cxr_duck.datasets.record.record import read_dataset_on
from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.errors import ExportError
from cxr_duck.export.augment import check_augment
from cxr_duck.export.described.description import UNREAD
from cxr_duck.export.described.manifest import labels_of
from cxr_duck.export.film_columns import with_columns
from cxr_duck.export.handout import Handout, train_split
from cxr_duck.export.options import FORMS, ExportOptions
from cxr_duck.export.plan import Plan, Unread
from cxr_duck.export.rendering import Film
from cxr_duck.export.writing import write_export
from cxr_duck.images.files.folder import ImageFolder
from cxr_duck.images.pixels.window import sound_window
from cxr_duck.io.whole import check_target
from cxr_duck.progress import SILENT, Progress

if TYPE_CHECKING:
    import pyarrow

    from cxr_duck.store.store import Store

__all__ = ["export_dataset", "plan_export", "read_source"]

_AS_IT_IS = ExportOptions()
_NAMED = 10  # images that a message spells out
# How a film's white is known, as `images.pixels.scaling.Limits` has it.
_KNOWN = {
    "file": "the most of the bits that the DICOM file says are used",
    "label file": "the most of the bits that the label file says are used",
    "top": "65,535, since values are above the label file's bits",
    "values": "by the values of the film, since nothing says which bits are used",
}


def export_dataset(
    store: "Store",
    name: str,
    target: Path,
    images_folder: Path | None,
    options: ExportOptions,
    progress: Progress = SILENT,
    *,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Write a recorded dataset to a new folder, unless it is a dry run; report what is written.

    The report is that of the plan, with `unread`, the images that could not be read and are left
    out, each with its reason. Raises DatasetError, ExportError.
    """
    check_target(target)
    source = read_source(store, name, images_folder, options, progress)
    plan = plan_export(source, options)
    report = plan.report()
    if dry_run:
        return {**report, "unread": []}
    lost = write_export(plan, target, progress)
    if assumed := _assumed(plan.known):
        progress.note(assumed)
    unread = lost.images()
    if unread:
        progress.note(_lost(unread, name, target))
    report |= {"images": report["images"] - len(unread), "files": len(plan.outputs) - lost.files}
    return {**report, "unread": [image._asdict() for image in unread]}


def _assumed(known: Mapping[str, str]) -> str | None:
    """Say what was taken for white in films of 16 bits, None where there are none."""
    counts = Counter(known.values())
    told = [f"{_KNOWN[how]} ({counts[how]:,} films)" for how in _KNOWN if counts[how]]
    return f"white is {', '.join(told)}" if told else None


def _lost(unread: Sequence[Unread], name: str, target: Path) -> str:
    """Say which images could not be read, the first by name."""
    named = [f"{image.image_id} ({image.reason})" for image in unread[:_NAMED]]
    more = f" and {len(unread) - _NAMED:,} more" if unread[_NAMED:] else ""
    return (
        f"{len(unread):,} of the images of {name} can't be read and are left out, so that classes "
        f"and splits may lack some: {', '.join(named)}{more}, all in {target / UNREAD}; after "
        "'cxr check' datasets that are made anew go without what is damaged"
    )


def read_source(
    store: "Store",
    name: str,
    images_folder: Path | None,
    options: ExportOptions = _AS_IT_IS,
    progress: Progress = SILENT,
) -> Handout:
    """Return a recorded dataset with the images that the store still has, and their variants.

    Where an image may be of several classes it is one example of all of them, but for folders,
    where it is an example of each.

    Raises DatasetError, ExportError.
    """
    engine = store.duckdb()
    dataset = read_dataset_on(engine, name)
    left_out = {"were removed from the store": dataset.removed, "are damaged": dataset.damaged}
    for reason, images in left_out.items():
        if images:
            progress.note(f"{images:,} images of {name} {reason} and are left out")
    films = _films(engine.arrow("export_films"))
    if films and not engine.scalar("SELECT count(*) FROM checks"):
        progress.note("nobody has tested these files yet: 'cxr check' does")
    rendering = options.rendering
    without_window = 0
    if rendering.window == "dicom":
        without_window = sum(film.window is None for film in films.values())
    if without_window:
        progress.note(f"{without_window:,} images have no DICOM window and get the full range")
    multilabel = is_multilabel(dataset) and options.form != "folders"
    manifest = manifest_of(engine, multilabel)
    if rendering.augment:
        engine.put_arrow("manifest", manifest)
        manifest = _with_variants(engine, dataset.recipe, rendering.augment)
        _add_variants(films, manifest, dataset.recipe.seed)
    usual = manifest.column_names
    manifest = with_columns(engine, manifest, options.columns)
    more = tuple(name for name in manifest.column_names if name not in usual)
    manifest = with_targets(engine, dataset, manifest, multilabel)
    folder = ImageFolder(images_folder.absolute()) if images_folder is not None else None
    covariates = covariates_on(engine, dataset.recipe, dataset.members)
    if covariates.suspect:
        progress.note(f"{covariates.suspect:,} images of {name} are blank; its card tells more")
    return Handout(
        dataset,
        manifest,
        films,
        folder,
        labels_of(engine, dataset),
        read_record(engine, name),
        covariates,
        {reason: images for reason, images in left_out.items() if images},
        without_window,
        more,
    )


def _films(table: "pyarrow.Table") -> dict[str, Film]:
    """Return the images that have a file, by their ids."""
    films = {}
    for row in table.to_pylist():
        window = sound_window(row.pop("window_center"), row.pop("window_width"))
        if row["path"] is not None:
            films[row["image_id"]] = Film(**row, window=window)
    return films


def _with_variants(engine: DuckDBEngine, recipe: Recipe, variants: int) -> "pyarrow.Table":
    """Return the relation manifest with variants of the images of the split to train on."""
    check_augment()
    if recipe.shares == fold_shares(len(recipe.shares)):
        raise ExportError(
            "each fold is tested on in its turn, so that none can hold variants: make them while "
            "training, or make a dataset with a split to train on"
        )
    train = train_split([*recipe.shares])
    if train is None:
        raise ExportError(
            f"which split is trained on isn't clear: none is called train, and the first is "
            f"{next(iter(recipe.shares))}; make the dataset with a split called train"
        )
    return engine.arrow("manifest_variants", train=train, variants=variants)


def _add_variants(films: dict[str, Film], manifest: "pyarrow.Table", seed: int) -> None:
    """Add the variants of a manifest to the images, each with the chance that makes it."""
    columns = (manifest.column(name).to_pylist() for name in ("image_id", "parent", "variant"))
    for image_id, parent, variant in zip(*columns, strict=True):
        if parent is None or parent not in films:
            continue
        if image_id in films and films[image_id].chance is None:
            raise ExportError(f"a variant of {parent} would have the name of the image {image_id}")
        films[image_id] = replace(
            films[parent], image_id=image_id, chance=f"{seed}|{parent}|{variant}"
        )


def plan_export(source: Handout, options: ExportOptions) -> Plan:
    """Return what an export is going to write. Raises ExportError for what can't be done."""
    plan: Callable[[Handout, ExportOptions], Plan] = import_module(FORMS[options.form]).plan
    return plan(source, options)
