"""Gathers the images and classes of a split for PyTorch."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_duck.datasets.dataset import Dataset
from cxr_duck.datasets.examples import (
    class_indices,
    is_multilabel,
    manifest_of,
    with_targets,
)
from cxr_duck.datasets.film_values import FilmValues
from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.errors import CxrError, DatasetError, ImagesError
from cxr_duck.images.files.folder import ImageFolder
from cxr_duck.store.store import Store

if TYPE_CHECKING:
    from cxr_duck.datasets.torch_images import TorchImages

__all__ = ["handed_out", "torch_split"]

# What a model is to say of an image: one class, or of each class whether the image is of it.
TARGETS = ("class", "multilabel")


def handed_out(dataset: Dataset, store: Store, images_folder: Path | None) -> Dataset:
    """Return a dataset that knows its store and where its images are, and opens its splits."""
    return replace(dataset, store=store, images_folder=images_folder, split_reader=torch_split)


def torch_split(
    dataset: Dataset,
    split: str,
    transform: Callable[[Any], Any] | None,
    target: str | None,
    values: FilmValues,
) -> "TorchImages":
    """Return a split as PyTorch takes it; `Dataset.torch` tells what that is.

    What the label file says of the films is added to `values`.
    """
    import pyarrow.compute

    try:
        from cxr_duck.datasets.torch_images import TorchImages
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "torch":
            raise
        raise CxrError("PyTorch is not installed: pip install 'cxr-duck[torch]'") from error
    assert dataset.store is not None
    if split not in dataset.recipe.shares:
        raise DatasetError(
            f"{dataset.name or 'the dataset'} has no split {split!r}: "
            f"it has {', '.join(dataset.recipe.shares)}"
        )
    if dataset.images_folder is None:
        raise ImagesError(
            "no folder of images is known to this store: give it with ExperimentData(images_dir=…)"
        )
    multilabel = _multilabel(dataset, target)
    engine = dataset.store.duckdb()
    engine.connection.register("recorded_members", dataset.members)
    table = with_targets(engine, dataset, manifest_of(engine, multilabel), multilabel)
    table = table.filter(pyarrow.compute.equal(table["split"], split))
    paths = table.column("source_path").to_pylist()
    if lacking := [
        i for i, path in zip(table["image_id"].to_pylist(), paths, strict=True) if not path
    ]:
        raise ImagesError(
            f"{len(lacking):,} images of {split} have no file, {lacking[0]} among them: "
            "index again with --images"
        )
    members = dataset.members.filter(pyarrow.compute.equal(dataset.members["split"], split))
    key = ["image_id"] if multilabel else ["class", "image_id"]
    recorded = members.select(key).group_by(key).aggregate([])
    left_out = recorded.num_rows - table.num_rows
    if left_out:
        warnings.warn(
            f"{left_out:,} of {recorded.num_rows:,} examples of {split} are left out: their images "
            "are damaged, or were removed from the store",
            stacklevel=3,
        )
    labels = table.column("labels" if multilabel else "label").to_pylist()
    return TorchImages(
        ImageFolder(dataset.images_folder.absolute()),
        list(zip(paths, labels, strict=True)),
        list(class_indices(dataset)),
        transform,
        left_out,
        replace(values, said=_said(engine)),
    )


def _said(engine: DuckDBEngine) -> dict[str, tuple[int | None, bool]]:
    """Return the bits of a pixel that the label file says are used, and whether low is white."""
    films = engine.arrow("export_films").select(["path", "bits_stored", "low_is_white"])
    rows = zip(*(column.to_pylist() for column in films.columns), strict=True)
    return {path: (bits, low_is_white) for path, bits, low_is_white in rows if path}


def _multilabel(dataset: Dataset, target: str | None) -> bool:
    """Tell whether an image is one example of all its classes, as it is unless asked otherwise."""
    if target not in (None, *TARGETS):
        raise DatasetError(f"the target is {' or '.join(TARGETS)}, not {target!r}")
    return is_multilabel(dataset) if target is None else target == "multilabel"
