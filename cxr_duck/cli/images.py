"""The command `cxr check`, which tests every image file."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cxr_duck.cli.options import Format, LimitOption, StoreOption

if TYPE_CHECKING:
    from cxr_duck.images.surveys.check import Integrity

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the command of this module to an app."""
    app.command()(check)


def check(
    context: typer.Context,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only the parts of a file and their checksums.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="All files anew, changed or not.")] = False,
    images: Annotated[
        Path | None,
        typer.Option("--images", help="Folder of the images, if it was moved: from now on."),
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", help="How to print what is wrong.")
    ] = Format.table,
    limit: LimitOption = None,
    store: StoreOption = None,
) -> None:
    """Test the file of every image, to its last byte.

    Lists what is damaged, which datasets that are made afterwards leave out. A run that was ended
    early goes on where it was.
    """
    from cxr_duck.cli.output import print_arrow
    from cxr_duck.cli.progress_bar import TerminalProgress
    from cxr_duck.experiment_data import ExperimentData

    data = ExperimentData(images, store=store, engine=context.obj, progress=TerminalProgress())
    try:
        found = data.check_integrity(quick=quick, full=full)
    except KeyboardInterrupt:
        print("Interrupted: what was tested is kept, and the same command goes on", file=sys.stderr)
        raise typer.Exit(130) from None
    if found.problems.num_rows or form is not Format.table:
        print_arrow(found.problems, form, limit)
    _tell(found, quick)


def _tell(found: "Integrity", quick: bool) -> None:
    """Say on stderr what was found in all."""
    print(
        f"{sum(found.counts.values()):,} images: "
        + ", ".join(
            f"{count:,} {verdict}"
            for verdict, count in found.counts.items()
            if count or verdict != "untested"
        )
        + f"; {found.tested:,} files tested now",
        file=sys.stderr,
    )
    if quick:
        print(
            "tested quickly: parts and checksums; pixels that can't be decompressed, are too few "
            "or all the same show without --quick",
            file=sys.stderr,
        )
