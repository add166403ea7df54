"""The forms that a dataset is handed out in, each a module with the function `plan`."""

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cxr_duck.errors import ExportError
from cxr_duck.export.rendering import Film, Rendering
from cxr_duck.export.writing import Plan
from cxr_duck.images.folder import ImageFolder

if TYPE_CHECKING:
    import pyarrow

    from cxr_duck.covariates import Covariates
    from cxr_duck.datasets import Dataset
    from cxr_duck.export.facts import Record

__all__ = [
    "FORMS", "HOW", "MANIFESTS", "SHARDED", "SHARD_SIZE", "ExportOptions", "Source", "plan_export",
    "size_in_bytes", "split_names", "train_split",
]  # fmt: skip

# The modules of the forms. Each has `plan(source, options) -> Plan`.
FORMS = {
    "folders": "cxr_duck.export.folders",
    "webdataset": "cxr_duck.export.webdataset",
    "huggingface": "cxr_duck.export.huggingface",
    "parquet": "cxr_duck.export.manifests",
    "csv": "cxr_duck.export.manifests",
}
SHARDED = ("webdataset", "huggingface")
MANIFESTS = ("parquet", "csv")
HOW = ("symlink", "hardlink", "copy")
SHARD_SIZE = 10**9
_HELD_OUT = ("valid", "validation", "val", "dev", "test")
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@dataclass(frozen=True)
class ExportOptions:
    """How a dataset is handed out.

    `form` is one of FORMS; `how` tells how folders get the files that are not written anew;
    `shard_size` is the most bytes of a file that holds many images.
    """

    form: str = "folders"
    how: str = "symlink"
    rendering: Rendering = field(default_factory=Rendering)
    shard_size: int = SHARD_SIZE

    def __post_init__(self) -> None:
        """Raise ExportError for what is no form, or no way to write files."""
        if self.form not in FORMS:
            raise ExportError(f"the forms are {', '.join(FORMS)}, not {self.form!r}")
        if self.how not in HOW:
            raise ExportError(f"files are written as {', '.join(HOW)}, not as {self.how!r}")
        if self.how != "symlink" and self.form != "folders":
            raise ExportError(f"only folders have links and copies of files, not {self.form}")
        if self.shard_size != SHARD_SIZE and self.form not in SHARDED:
            raise ExportError(f"only {' and '.join(SHARDED)} have shards, not {self.form}")
        if self.form in MANIFESTS and self.rendering != Rendering():
            raise ExportError(f"the form {self.form} has no images that could be written anew")


@dataclass(frozen=True)
class Source:
    """A dataset to hand out, and its images.

    `manifest` has the columns of `sql/query/manifest.sql`, a row per (split, class, image);
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

    def request(self, options: ExportOptions, **more: Any) -> dict[str, Any]:
        """Return all that the files of an export depend on, as JSON can hold it."""
        from cxr_duck import __version__
        from cxr_duck.images.opencv import opencv

        return {
            "digest": self.dataset.digest,
            "seed": self.dataset.recipe.seed,
            "images": str(self.folder.root.absolute()) if self.folder else None,
            "options": asdict(options),
            "opencv": opencv() is not None,
            "version": __version__,
            **more,
        }


def plan_export(source: Source, options: ExportOptions) -> Plan:
    """Return what an export is going to write. Raises ExportError for what can't be done."""
    plan: Callable[[Source, ExportOptions], Plan] = import_module(FORMS[options.form]).plan
    return plan(source, options)


def split_names(splits: Sequence[str]) -> dict[str, str]:
    """Return the name of each split for Hugging Face, which takes letters, digits and _ alone."""
    names = {split: re.sub(r"\W", "_", split) for split in splits}
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


def size_in_bytes(size: str | int) -> int:
    """Return the bytes of a size such as 1GB, 500MB or 1048576, in powers of 1000."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)B?\s*", str(size), re.IGNORECASE)
    number = int(float(found[1]) * _UNITS[found[2].upper()]) if found else 0
    if not number:
        raise ExportError(f"a size is written as 1GB, 500MB or 1048576, not as {size!r}")
    return number
