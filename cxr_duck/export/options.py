"""The options of an export: its form, and what each form takes."""

import re
from dataclasses import dataclass, field

from cxr_duck.errors import ExportError
from cxr_duck.export.rendering import Rendering

__all__ = ["FORMS", "HOW", "MANIFESTS", "SHARDED", "SHARD_SIZE", "ExportOptions", "size_in_bytes"]

# The modules of the forms. Each has `plan(source, options) -> Plan`.
FORMS = {
    "folders": "cxr_duck.export.forms.folders",
    "webdataset": "cxr_duck.export.forms.webdataset",
    "huggingface": "cxr_duck.export.forms.huggingface",
    "parquet": "cxr_duck.export.forms.tables",
    "csv": "cxr_duck.export.forms.tables",
}

SHARDED = ("webdataset", "huggingface")

MANIFESTS = ("parquet", "csv")

HOW = ("symlink", "hardlink", "copy")

SHARD_SIZE = 10**9

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@dataclass(frozen=True)
class ExportOptions:
    """How a dataset is handed out.

    `form` is one of FORMS; `how` tells how folders get the files that are not written anew;
    `shard_size` is the most bytes of a file that holds many images. `columns` are those of `images`
    that each example has beside the usual ones.
    """

    form: str = "folders"
    how: str = "symlink"
    rendering: Rendering = field(default_factory=Rendering)
    shard_size: int = SHARD_SIZE
    columns: tuple[str, ...] = ()

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


def size_in_bytes(size: str | int | None) -> int:
    """Return the bytes of a size such as 1GB (that of shards), 500MB or 1048576: powers of 1000."""
    if size is None:
        return SHARD_SIZE
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)B?\s*", str(size), re.IGNORECASE)
    number = int(float(found[1]) * _UNITS[found[2].upper()]) if found else 0
    if not number:
        raise ExportError(f"a size is written as 1GB, 500MB or 1048576, not as {size!r}")
    return number
