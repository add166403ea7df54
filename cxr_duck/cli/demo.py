"""The command `cxr demo`, which writes a made-up repository."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module to an app."""
    app.command()(demo)


def demo(
    folder: Annotated[Path, typer.Argument(help="New or empty folder to write to.")],
    images: Annotated[int, typer.Option("--images", min=60, help="Number of images.")] = 600,
    seed: Annotated[int, typer.Option("--seed", help="Number that chance is drawn from.")] = 1,
    zips: Annotated[
        bool, typer.Option("--zips", help="Films in zips, as PadChest is distributed.")
    ] = False,
) -> None:
    """Write a made-up repository in PadChest's form.

    A label file with every oddity of PadChest's, and 16-bit chest films.
    """
    from cxr_duck.cli.progress_bar import TerminalProgress
    from cxr_duck.sources.demo import make_demo

    report = make_demo(folder, images=images, seed=seed, zips=zips, progress=TerminalProgress())
    print(
        f"{report['rows']:,} rows in {folder / 'labels.csv'}, {report['files']:,} films in "
        f"{folder / 'images'}: {report['damaged']} damaged, {report['missing']} missing"
    )
