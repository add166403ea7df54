"""The commands `cxr bundle` and `cxr unbundle`, which share a dataset without its data."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cxr_duck.cli.options import Format, LimitOption, StoreOption

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module to an app."""
    for command in (bundle, unbundle):
        app.command()(command)


def bundle(
    name: Annotated[str, typer.Argument(help="Name of a recorded dataset.")],
    file: Annotated[Path, typer.Argument(help="New file to write.")],
    store: StoreOption = None,
) -> None:
    """Write a dataset to a small file without its data, for another holder of the repository.

    The file has the recipe, the ids of the images by split and the digest, which can be cited.
    """
    from cxr_duck.cli.progress_bar import TerminalProgress
    from cxr_duck.experiment_data import ExperimentData

    dataset, size = ExperimentData(store=store, progress=TerminalProgress()).bundle(name, file)
    images = dataset.images()
    print(f"{name}: {images:,} images in {file}, {size:,} bytes")
    print(f"digest {dataset.digest}")


def unbundle(
    file: Annotated[Path, typer.Argument(help="File that 'cxr bundle' wrote.")],
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the dataset.", show_default="its own")
    ] = None,
    experiment: Annotated[
        str, typer.Option("--experiment", help="Experiment that it belongs to.")
    ] = "default",
    form: Annotated[Format, typer.Option("--format", help="Of the images that lack.")] = (
        Format.table
    ),
    limit: LimitOption = None,
    store: StoreOption = None,
) -> None:
    """Record the dataset of a bundle, with the labels of this store.

    Prints the images that the store lacks for it, records nothing then and exits with 1.
    """
    from cxr_duck.cli.output import print_arrow
    from cxr_duck.cli.progress_bar import TerminalProgress
    from cxr_duck.errors import BundleError
    from cxr_duck.experiment_data import ExperimentData

    data = ExperimentData(store=store, progress=TerminalProgress())
    try:
        dataset = data.unbundle(file, name=name, experiment=experiment)
    except BundleError as error:
        if error.images is not None:
            print_arrow(error.images, form, limit)
        raise
    # Rows that were asked for as data are the images that lack: none.
    out = sys.stdout if form is Format.table else sys.stderr
    print(f"{dataset.name}: {dataset.images():,} images", file=out)
    print(f"digest {dataset.digest}", file=out)
