"""A dataset as an export takes it: its manifest, image files, labels and record."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from cxr_duck.datasets.examples import class_indices
from cxr_duck.errors import ExportError
from cxr_duck.export.options import ExportOptions
from cxr_duck.export.rendering import Film
from cxr_duck.images.files.folder import ImageFolder
from cxr_duck.images.pixels.opencv import opencv
from cxr_duck.version import __version__

if TYPE_CHECKING:
    import pyarrow

    from cxr_duck.datasets.covariates.covariates import Covariates
    from cxr_duck.datasets.dataset import Dataset
    from cxr_duck.datasets.record.origin import Record

__all__ = ["Handout", "split_names", "train_split"]  # fmt: skip

_HELD_OUT = ("valid", "validation", "val", "dev", "test")


@dataclass(frozen=True)
class Handout:
    """A dataset to hand out, and its images.

    `manifest` has the columns of `sql/export/manifest.sql` and the targets of
    `cxr_duck.datasets.examples.with_targets`, a row per (split, class, image), or per image where
    one may be of several classes; `columns` are those that were asked for beside the usual ones.
    `films` has each image of it once, by its id, where it has a file. `folder` is None where no
    folder of images is known. `labels` has a row per image, with a column of 0 and 1 for each
    finding of the classes; `record` is what the store knows of the dataset; `covariates` is how its
    classes and splits differ in what is no finding; `left_out` has the number of images that are
    not handed out, by reason; `without_window` that of the images that get the full range, where
    their DICOM window was asked for.
    """

    dataset: "Dataset"
    manifest: "pyarrow.Table"
    films: dict[str, Film]
    folder: ImageFolder | None
    labels: "pyarrow.Table"
    record: "Record"
    covariates: "Covariates"
    left_out: dict[str, int] = field(default_factory=dict)
    without_window: int = 0
    columns: tuple[str, ...] = ()

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of their indices."""
        return list(class_indices(self.dataset))

    @property
    def images(self) -> int:
        """The number of distinct images, variants too."""
        import pyarrow.compute

        return int(pyarrow.compute.count_distinct(self.manifest.column("image_id")).as_py())

    @property
    def multilabel(self) -> bool:
        """Whether an image is one example of all its classes."""
        return "labels" in self.manifest.column_names

    def request(self, options: ExportOptions, **more: Any) -> dict[str, Any]:
        """Return all that the files of an export depend on, as JSON can hold it."""
        return {
            "digest": self.dataset.digest,
            "seed": self.dataset.recipe.seed,
            "images": str(self.folder.root.absolute()) if self.folder else None,
            "options": asdict(options),
            "opencv": opencv() is not None,
            "version": __version__,
            **more,
        }


def split_names(splits: Sequence[str]) -> dict[str, str]:
    """Return the name of each split for Hugging Face, which takes letters, digits and _ alone."""
    names = {split: re.sub(r"\W", "_", split) for split in splits}
    if reserved := [split for split, name in names.items() if name.lower() == "all"]:
        raise ExportError(
            f"the split {reserved[0]!r} can't be had in this form, where 'all' means every split: "
            "make the dataset with another name, or take another form"
        )
    for split, name in names.items():
        if same := [s for s, n in names.items() if s != split and n == name]:
            raise ExportError(
                f"the splits {split!r} and {same[0]!r} would both be {name!r} in this form, which "
                "takes letters, digits and _ alone: make the dataset with other names"
            )
    return names


def train_split(splits: Sequence[str]) -> str | None:
    """Return the split to train on: train, or else the first, None where that is one to test on."""
    if "train" in splits:
        return "train"
    return None if splits[0].lower() in _HELD_OUT else splits[0]
