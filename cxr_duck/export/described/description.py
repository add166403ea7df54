"""Plans the files beside the images of every export: manifests, card and metadata."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cxr_duck.export.described.card import card
from cxr_duck.export.described.croissant import croissant
from cxr_duck.export.described.manifest import (
    with_classes,
    with_labels,
    write_csv,
    write_parquet,
)
from cxr_duck.export.handout import Handout, without_images
from cxr_duck.export.options import MANIFESTS, ExportOptions
from cxr_duck.export.plan import Unread

if TYPE_CHECKING:
    import pyarrow

__all__ = ["UNREAD", "describe"]

UNREAD = "unread.csv"

_ROWS = "a row an image and class, with a column of 0 and 1 for each finding"
_ROWS_OF_ALL = "a row an image, with a column of 0 and 1 for each class and each finding"
_OWN = {
    "croissant.json": "what the manifest's columns are, as [Croissant](https://mlcommons.org/croissant)",
}
_PATHS = "; the path of an image in a zip is `<zip>/<member>`"
_WRITERS = {"manifest.csv": write_csv, "manifest.parquet": write_parquet}


def describe(
    source: Handout,
    options: ExportOptions,
    table: "pyarrow.Table",
    images: dict[str, str],
    folder: Path,
    unread: Sequence[Unread] = (),
) -> None:
    """Write the manifests, README.md and croissant.json of an export into its folder.

    `table` has a row an example, with its image's file in the last column. `images` says of each
    pattern of the paths of the files with images what they are. Images that could not be read are
    in no manifest; unread.csv has them, with their reasons.
    """
    source = source.without(unread)
    if unread:
        table = without_images(table, unread)
        write_csv(_reasons(unread), folder / UNREAD)
    labelled = with_labels(with_classes(table, source.classes), source.labels)
    written = [
        name
        for name in _WRITERS
        if options.form not in MANIFESTS or name == f"manifest.{options.form}"
    ]
    for name in written:
        _WRITERS[name](labelled, folder / name)
    manifests = dict.fromkeys(written, "the same rows")
    manifests[written[0]] = _ROWS_OF_ALL if source.multilabel else _ROWS
    files = {**images, **manifests, **_OWN}
    if unread:
        files[UNREAD] = "the images that could not be read, and why"
    if "path" in table.column_names:
        files = {name: f"{what}{_PATHS}" for name, what in files.items() if name in manifests} | {
            name: what for name, what in files.items() if name not in manifests
        }
    text = card(source, options, files)
    (folder / "README.md").write_text(text, encoding="utf-8")
    metadata = croissant(source, folder, labelled, list(images))
    (folder / "croissant.json").write_text(metadata, encoding="utf-8")


def _reasons(unread: Sequence[Unread]) -> "pyarrow.Table":
    """Return the images that could not be read as a table."""
    import pyarrow

    return pyarrow.table(dict(zip(Unread._fields, zip(*unread, strict=True), strict=True)))
