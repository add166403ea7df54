"""The commands `cxr datasets`, `show` and `reproduce`, which list datasets and make them again."""

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cxr_duck.cli.dataset_tables import print_dataset
from cxr_duck.cli.options import JsonOption, StoreOption
from cxr_duck.cli.parsing import refuse_idle

if TYPE_CHECKING:
    from cxr_duck.datasets.record.reproduction import Reproduction
    from cxr_duck.experiment_data import ExperimentData

__all__ = ["add_to"]

_Name = Annotated[str, typer.Argument(help="Name of a recorded dataset.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module to an app."""
    for command in (datasets, show, reproduce):
        app.command()(command)


def datasets(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """List the recorded datasets."""
    from cxr_duck.cli.output import print_table

    rows = _data(store).datasets()
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=2, default=str))
    elif not rows:
        print("no dataset is recorded yet; 'cxr create' makes one", file=sys.stderr)
    else:
        columns = ("name", "experiment", "classes", "images", "removed", "seed", "pure", "digest")
        print_table(
            columns,
            [[row[c][:12] if c == "digest" else row[c] for c in columns] for row in rows],
        )


def show(
    context: typer.Context,
    name: _Name,
    as_toml: Annotated[
        bool, typer.Option("--toml", help="Print the recipe file that asks for it.")
    ] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the recipe and composition of a dataset."""
    data = _data(store)
    if as_toml:
        refuse_idle(context, "as_json", "--toml prints the recipe file alone")
        print(data.recipe_file(name), end="")
    else:
        print_dataset(data.dataset(name), as_json, recipe=True)


def reproduce(
    context: typer.Context, name: _Name, store: StoreOption = None, as_json: JsonOption = False
) -> None:
    """Make a dataset again and compare it with its record.

    Prints what differs, and then exits with 1.
    """
    data = _data(store, context.obj)
    found = data.reproduce(name)
    as_recorded = found.sound and not found.dataset.removed
    same = found.same or (as_recorded and found.made is None and found.excused)
    if as_json:
        print(json.dumps(_reproduction_as_json(found), indent=2))
    elif found.differences:
        from cxr_duck.cli.output import print_table

        print_table(_DIFFERENCE, found.differences)
    changed = f"since it was made, {', '.join(found.changes)}" if found.changes else ""
    images = f"{found.dataset.images():,} images, digest {found.dataset.digest}"
    if found.made is None and found.excused:
        print(
            f"{name} can't be made anew, since {_why_not(found)}"
            + (f": {changed}" if changed else ""),
            file=sys.stderr,
        )
        if as_recorded and not as_json:
            print(f"{name} was rebuilt from its recorded members: the same {images}")
    elif found.same and not as_json:
        print(f"{name} was made again: the same {images}")
    if not same:
        print(f"{name} {_trouble(found)}", file=sys.stderr)
        raise typer.Exit(1)


_DIFFERENCE = ("class", "finding", "image_id", "recorded_split", "made_split")


def _why_not(found: "Reproduction") -> str:
    if not found.dataset.decisions.quotas:
        return "it came with a bundle, which holds its members alone"
    return "the store has other images of its recipe"


def _trouble(found: "Reproduction") -> str:
    """Say what keeps a dataset from being what its record says."""
    if not found.sound:
        return "has other members than those its digest was taken over: 'cxr check-store' says more"
    if found.dataset.removed:
        return f"lacks {found.dataset.removed:,} images, which were removed from the store"
    if found.made is None:
        return (
            "can't be made again, though nothing was done to the store's images: the record or "
            "cxr-duck was changed"
        )
    made = found.made.digest
    return (
        f"differs from its record in {len(found.differences):,} members: the record or cxr-duck "
        f"was changed; recorded digest {found.dataset.digest}, made {made}"
    )


def _reproduction_as_json(found: "Reproduction") -> dict[str, Any]:
    return {
        "recorded": found.dataset.digest,
        "made": found.made.digest if found.made else None,
        "sound": found.sound,
        "removed": found.dataset.removed,
        "changes": found.changes,
        "differences": [dict(zip(_DIFFERENCE, row, strict=True)) for row in found.differences],
    }


def _data(store: str | None, engine: str = "duckdb") -> "ExperimentData":
    from cxr_duck.cli.progress_bar import TerminalProgress
    from cxr_duck.experiment_data import ExperimentData

    return ExperimentData(store=store, engine=engine, progress=TerminalProgress())
