"""cxr index."""

from pathlib import Path
from typing import Annotated

import typer

from cxr_duck.cli.options import StoreOption

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module to an app."""
    app.command()(index)


def index(
    labels: Annotated[Path, typer.Argument(help="Label file of PadChest, .csv or .csv.gz.")],
    images: Annotated[
        Path | None,
        typer.Option("--images", help="Folder of the images: by ImageDir, below images/, or flat."),
    ] = None,
    pure: Annotated[
        bool, typer.Option("--pure", help="Index only images with exactly one finding.")
    ] = False,
    store: StoreOption = None,
) -> None:
    """Index a label file into a store.

    What was indexed there before is replaced; recorded datasets stay.
    """
    from cxr_duck.cli.output import TerminalProgress
    from cxr_duck.experiment_data import ExperimentData

    data = ExperimentData(images, labels, store=store, progress=TerminalProgress())
    counts = data.create_index(pure_terms=pure)
    files = ""
    if "found" in counts:
        missing = counts["images"] - counts["found"]
        files = f" ({counts['found']:,} files found, {missing:,} missing)"
    print(
        f"{counts['images']:,} images{files}, {counts['postings']:,} postings, "
        f"{counts['rejects']:,} rejects in {data.store.path}"
    )
