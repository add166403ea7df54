"""The forms that a dataset is handed out in, each a module with the function `plan`."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cxr_duck.errors import ExportError
from cxr_duck.export.rendering import Film, Rendering
from cxr_duck.export.writing import Plan
from cxr_duck.images.folder import ImageFolder

if TYPE_CHECKING:
    import pyarrow

    from cxr_duck.datasets import Dataset

__all__ = ["FORMS", "HOW", "ExportOptions", "Source", "plan_export"]

# The modules of the forms. Each has `plan(source, options) -> Plan`.
FORMS = {"folders": "cxr_duck.export.folders"}
HOW = ("symlink", "hardlink", "copy")


@dataclass(frozen=True)
class ExportOptions:
    """How a dataset is handed out.

    `form` is one of FORMS; `how` tells how folders get the files that are not written anew.
    """

    form: str = "folders"
    how: str = "symlink"
    rendering: Rendering = field(default_factory=Rendering)

    def __post_init__(self) -> None:
        """Raise ExportError for what is no form, or no way to write files."""
        if self.form not in FORMS:
            raise ExportError(f"the forms are {', '.join(FORMS)}, not {self.form!r}")
        if self.how not in HOW:
            raise ExportError(f"files are written as {', '.join(HOW)}, not as {self.how!r}")


@dataclass(frozen=True)
class Source:
    """A dataset to hand out, and its images.

    `manifest` has the columns of `sql/query/manifest.sql`, a row per (split, class, image);
    `films` has each image of it once, by its id, where it has a file. `folder` is None where no
    folder of images is known.
    """

    dataset: "Dataset"
    manifest: "pyarrow.Table"
    films: dict[str, Film]
    folder: ImageFolder | None

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
