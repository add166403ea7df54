"""Hand a recorded dataset out: gather what it has, plan, write."""

from pathlib import Path
from typing import TYPE_CHECKING

from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.experiments import read_dataset
from cxr_duck.export.facts import read_record
from cxr_duck.export.forms import ExportOptions, Source, plan_export
from cxr_duck.export.manifest import labels_of
from cxr_duck.export.rendering import Film
from cxr_duck.export.writing import Plan, write_export
from cxr_duck.images.folder import ImageFolder
from cxr_duck.new_folder import check_target
from cxr_duck.progress import SILENT, Progress

if TYPE_CHECKING:
    import pyarrow

    from cxr_duck.store import Store

__all__ = ["export_dataset", "read_source"]


def export_dataset(
    store: "Store",
    name: str,
    target: Path,
    images_folder: Path | None,
    options: ExportOptions,
    progress: Progress = SILENT,
    *,
    dry_run: bool = False,
) -> Plan:
    """Write a recorded dataset to a new folder, unless it is a dry run; return what is written.

    Raises DatasetError, ExportError.
    """
    check_target(target)
    plan = plan_export(read_source(store, name, images_folder, progress), options)
    if not dry_run:
        write_export(plan, target, progress)
    return plan


def read_source(
    store: "Store", name: str, images_folder: Path | None, progress: Progress = SILENT
) -> Source:
    """Return a recorded dataset with the images that the store still has. Raises DatasetError."""
    engine = DuckDBEngine(store.cursor())
    dataset = read_dataset(store, name)
    engine.make("recorded_members", dataset=name)
    if dataset.removed:
        progress.note(
            f"{dataset.removed:,} images of {name} were removed from the store and are left out"
        )
    return Source(
        dataset,
        engine.arrow("manifest"),
        _films(engine.arrow("export_films")),
        ImageFolder(images_folder.absolute()) if images_folder is not None else None,
        labels_of(store, dataset),
        read_record(store, name),
        {"were removed from the store": dataset.removed} if dataset.removed else {},
    )


def _films(table: "pyarrow.Table") -> dict[str, Film]:
    """Return the images that have a file, by their ids."""
    films = {}
    for row in table.to_pylist():
        center, width = row.pop("window_center"), row.pop("window_width")
        sound = center is not None and width is not None and width >= 1
        if row["path"] is not None:
            films[row["image_id"]] = Film(**row, window=(center, width) if sound else None)
    return films
