"""The commands `cxr index` and `cxr remove`, which add images to a store and take them out."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cxr_duck.cli.confirm import ask
from cxr_duck.cli.options import StoreOption

if TYPE_CHECKING:
    from cxr_duck.index.removal import Removal

__all__ = ["add_to"]

_SHOWN = 20  # conflicts that are printed


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module to an app."""
    for command in (index, remove):
        app.command()(command)


def index(
    context: typer.Context,
    labels: Annotated[Path, typer.Argument(help="Label file of PadChest, .csv or .csv.gz.")],
    images: Annotated[
        Path | None,
        typer.Option(
            "--images", help="Folder of the images: by ImageDir, below images/, flat, zips."
        ),
    ] = None,
    pure: Annotated[
        bool,
        typer.Option("--pure", help="Let queries and recipes go by images of one finding alone."),
    ] = False,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Take this file's word where the store says otherwise."),
    ] = False,
    readmit: Annotated[
        bool, typer.Option("--readmit", help="Take in again images that were removed.")
    ] = False,
    allow_rejects: Annotated[
        bool,
        typer.Option(
            "--allow-rejects", help="Index the rest where more than 1 row in 100 is refused."
        ),
    ] = False,
    store: StoreOption = None,
) -> None:
    """Index a label file into a store, beside what is there.

    The same image again changes nothing; one with other content is refused, unless --replace.
    """
    from cxr_duck.cli.output import print_table
    from cxr_duck.cli.progress_bar import TerminalProgress
    from cxr_duck.errors import ConflictError
    from cxr_duck.experiment_data import ExperimentData

    data = ExperimentData(
        images, labels, store=store, engine=context.obj, progress=TerminalProgress()
    )
    try:
        counts = data.create_index(
            pure_terms=pure, replace=replace, readmit=readmit, allow_rejects=allow_rejects
        )
    except ConflictError as error:
        columns = ("image_id", "row", "differs_in")
        shown = error.conflicts[:_SHOWN]
        print_table(columns, [[row[column] for column in columns] for row in shown])
        if len(error.conflicts) > _SHOWN:
            print(f"the first {_SHOWN} of {len(error.conflicts):,} conflicts", file=sys.stderr)
        raise
    files = ""
    taken = counts["added"] + counts["replaced"] + counts["located"] + counts["unchanged"]
    if "found" in counts:
        files = f" ({counts['found']:,} files found, {taken - counts['found']:,} missing)"
    located = f", {counts['located']:,} looked for anew" if counts["located"] else ""
    if counts["added"] != counts["images"]:
        print(
            f"{counts['added']:,} images added, {counts['replaced']:,} replaced, "
            f"{counts['unchanged']:,} unchanged{located}{files}"
        )
        files = ""
    print(
        f"{counts['images']:,} images{files}, {counts['postings']:,} postings, "
        f"{counts['rejects']:,} rejects in {data.store.root}"
    )


def remove(
    where: Annotated[str, typer.Option("--where", help="SQL condition on the columns of images.")],
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    store: StoreOption = None,
) -> None:
    """Remove images, say of a patient who withdrew consent, from all views and files.

    They stay out when their label file is indexed again.
    """
    from cxr_duck.cli.progress_bar import TerminalProgress
    from cxr_duck.experiment_data import ExperimentData

    data = ExperimentData(store=store, progress=TerminalProgress())
    removal = data.remove(where, dry_run=True)
    if not removal.images and not removal.rejects:
        print(f"no image of {data.store.root} meets the condition; nothing is removed")
        return
    if not yes:
        told = _counted(removal)
        ask(
            f"Remove {told} for good?",
            f"nothing is removed: {told} meet the condition; give --yes to remove them",
        )
    removal = data.remove(where)
    print(f"{_counted(removal)} removed from {data.store.root}")
    for name, held in removal.datasets.items():
        print(f"the dataset {name} held {held:,} of them", file=sys.stderr)
    if removal.set_aside:
        print(
            f"files that 'cxr repair' set aside may still hold them: delete "
            f"{', '.join(removal.set_aside)} in {data.store.root}",
            file=sys.stderr,
        )
    if removal.still_read:
        print(
            "another process has an older state of the store open: its files go with the next "
            "change after that has ended",
            file=sys.stderr,
        )


def _counted(removal: "Removal") -> str:
    refused = f" and {removal.rejects:,} refused rows" if removal.rejects else ""
    return f"{removal.images:,} images of {removal.patients:,} patients{refused}"
