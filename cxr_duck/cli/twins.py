"""The command `cxr twins`, which finds images that are copies of each other."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cxr_duck.cli.options import Format, LimitOption, StoreOption
from cxr_duck.spelling import counted

if TYPE_CHECKING:
    from cxr_duck.images.surveys.twins import Twins

__all__ = ["add_to"]

_MEANS = {
    "file": "the same file",
    "pixels": "the same pixels",
    "near": "the same looks",
    "constant": "no picture, all pixels equal",
}


def add_to(app: typer.Typer) -> None:
    """Add the command of this module to an app."""
    app.command()(twins)


def twins(
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", help="List the images with a twin in another split of it."),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Also read files that have not changed since.")
    ] = False,
    images: Annotated[
        Path | None,
        typer.Option("--images", help="Folder of the images, if it was moved: from now on."),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How to print the twins.")] = (
        Format.table
    ),
    limit: LimitOption = None,
    store: StoreOption = None,
) -> None:
    """Find images with the same file, the same pixels or the same looks.

    Lists those of different patients, the surest first. A run that was ended early goes on where
    it was.
    """
    from cxr_duck.cli.output import print_arrow
    from cxr_duck.cli.progress_bar import TerminalProgress
    from cxr_duck.experiment_data import ExperimentData

    data = ExperimentData(images, store=store, progress=TerminalProgress())
    if dataset is not None:
        data.dataset(dataset)  # a wrong name is told before all files are read
    try:
        found = data.find_twins(full=full)
    except KeyboardInterrupt:
        print("Interrupted: what was read is kept, and the same command goes on", file=sys.stderr)
        raise typer.Exit(130) from None
    rows = found.across_patients
    if dataset is not None:
        rows = data.twins_in(dataset)
    if rows.num_rows or form is not Format.table:
        print_arrow(rows, form, limit)
    _tell(found)
    if dataset is not None:
        told = f"{rows.num_rows:,} images of {dataset} have a twin in another split"
        print(told, file=sys.stderr)


def _tell(found: "Twins") -> None:
    """Say on stderr what was found in all."""
    for kind, means in _MEANS.items():
        if kind in found.counts:
            pairs, across, groups = found.counts[kind]
            print(
                f"{kind}: {counted(pairs, 'pair')} with {means}, {across:,} of different "
                f"patients, in {counted(groups, 'group')}",
                file=sys.stderr,
            )
    unread = f", {found.unread:,} without pixels that can be decoded" if found.unread else ""
    told = "" if found.counts else "no twins among "
    print(f"{told}{found.images:,} images{unread}; {found.read:,} read now", file=sys.stderr)
