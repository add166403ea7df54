"""The commands `cxr diff`, `rename` and `delete`, for recorded datasets."""

import json
import re
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cxr_duck.cli.confirm import ask
from cxr_duck.cli.options import Format, StoreOption
from cxr_duck.cli.parsing import refuse_idle

if TYPE_CHECKING:
    from cxr_duck.datasets.dataset import Dataset
    from cxr_duck.datasets.record.comparison import Comparison

__all__ = ["add_to"]

_Name = Annotated[str, typer.Argument(help="Name of a recorded dataset.")]
_WIDTH = 60  # characters of a recipe's value in a table
_DIFFERENCES = {
    "same": "the same in both",
    "split": "in another split",
    "class": "in another class",
    "class and split": "in another class and split",
    "findings": "for other findings of its class",
}


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module to an app."""
    for command in (diff, rename, delete):
        app.command()(command)


def diff(
    context: typer.Context,
    first: Annotated[str, typer.Argument(metavar="A", help="Name of a recorded dataset.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Name of another.")],
    form: Annotated[
        Format,
        typer.Option("--format", help="csv or parquet: the images that differ; json: everything."),
    ] = Format.table,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    store: StoreOption = None,
) -> None:
    """Compare the recipes, members and compositions of two datasets.

    Exits with 0 where they are the same, with 1 where they differ.
    """
    from cxr_duck.cli.output import print_arrow
    from cxr_duck.experiment_data import ExperimentData

    if as_json and form is not Format.json:
        refuse_idle(context, "form", "--json is --format json; give one of them")
    comparison = ExperimentData(store=store).diff(first, second)
    if as_json or form is Format.json:
        print(json.dumps(_as_json(comparison), ensure_ascii=False, indent=2))
    elif form is not Format.table:
        print_arrow(comparison.images, form)
    elif comparison.equal:
        same = comparison.first
        print(
            f"{first} and {second} are the same: recipe, {same.images():,} images, "
            f"digest {same.digest}"
        )
    else:
        _print_comparison(comparison)
    if not comparison.equal:
        raise typer.Exit(1)


def rename(
    name: _Name,
    new_name: Annotated[str, typer.Argument(help="Its new name.")],
    store: StoreOption = None,
) -> None:
    """Give a dataset another name."""
    from cxr_duck.cli.progress_bar import TerminalProgress
    from cxr_duck.experiment_data import ExperimentData

    ExperimentData(store=store, progress=TerminalProgress()).rename(name, new_name)
    print(f"{name} is now {new_name}")


def delete(
    name: _Name,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    store: StoreOption = None,
) -> None:
    """Delete the record of a dataset; its images stay in the store."""
    from cxr_duck.cli.progress_bar import TerminalProgress
    from cxr_duck.experiment_data import ExperimentData

    data = ExperimentData(store=store, progress=TerminalProgress())
    if not yes:
        told = f"{name}, {data.dataset(name).images():,} images"
        ask(
            f"Delete the record of {told}, for good?",
            f"nothing is deleted: this is the record of {told}; give --yes to delete it",
        )
    images = data.delete(name)
    print(f"the record of {name}, {images:,} images, is deleted; the images stay in the store")


def _print_comparison(comparison: "Comparison") -> None:
    from cxr_duck.cli.output import print_table

    shown = [(columns, rows) for columns, rows in _tables(comparison) if rows]
    for number, (columns, rows) in enumerate(shown):
        if number:
            print()
        print_table(columns, rows)
    if comparison.straddling:
        patients = sum(row["patients"] for row in comparison.straddling)
        print(
            f"{patients:,} patients stand in different splits of {comparison.first.name} and "
            f"{comparison.second.name}: a model that learned from the one is not to be tested on "
            "the other",
            file=sys.stderr,
        )


def _tables(comparison: "Comparison") -> list[tuple[list[str], list[list[Any]]]]:
    """Return the tables of a comparison: columns, rows."""
    first, second = comparison.first, comparison.second
    fields = [[name, *_told(*values)] for name, values in comparison.recipe.items()]
    if first.label_file_sha256 != second.label_file_sha256:
        fields.append(["label file", first.label_file_sha256[:12], second.label_file_sha256[:12]])
    patients = [
        [row["first_split"], row["second_split"], row["patients"]] for row in comparison.straddling
    ]
    composition = _side_by_side(comparison.composition)
    return [
        (["recipe", first.name, second.name], fields),
        (["images", ""], _counted(comparison)),
        ([f"split in {first.name}", f"split in {second.name}", "patients in both"], patients),
        (["class / finding", first.name, second.name, "difference"], composition),
    ]


def _counted(comparison: "Comparison") -> list[list[Any]]:
    words = {
        **_DIFFERENCES,
        "first": f"only in {comparison.first.name}",
        "second": f"only in {comparison.second.name}",
    }
    counts = {"same": 0, **comparison.counts}
    return [[text, counts[key]] for key, text in words.items() if key in counts]


def _told(first: Any, second: Any) -> tuple[str, str]:
    """Return both values of a field in a few words; of two lists what the other lacks."""
    if isinstance(first, list) and isinstance(second, list):
        lacking = [item for item in first if item not in second]
        more = [item for item in second if item not in first]
        if lacking or more:
            return _short(lacking), _short(more)
    return _short(first), _short(second)


def _short(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        text = ", ".join(value)
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    line = text[:12] if re.fullmatch("[0-9a-f]{64}", text) else " ".join(text.split())
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…"


def _side_by_side(composition: list[dict[str, Any]]) -> list[list[Any]]:
    """Return the rows of both compositions; a class that is one finding is one row."""
    findings: dict[str, set[str]] = {}
    for row in composition:
        findings.setdefault(row["class"], set()).add(row["finding"])
    return [
        [
            f"  {row['finding']}" if row["finding"] else row["class"],
            row["first_images"],
            row["second_images"],
            row["difference"],
        ]
        for row in composition
        if not (row["finding"] and findings[row["class"]] == {"", row["class"]})
    ]


def _as_json(comparison: "Comparison") -> dict[str, Any]:
    return {
        "equal": comparison.equal,
        "first": _dataset_as_json(comparison.first),
        "second": _dataset_as_json(comparison.second),
        "recipe": {
            name: {"first": first, "second": second}
            for name, (first, second) in comparison.recipe.items()
        },
        "counts": comparison.counts,
        "patients": comparison.patients,
        "composition": [
            {**row, "finding": row["finding"] or None} for row in comparison.composition
        ],
        "images": comparison.images.to_pylist(),
    }


def _dataset_as_json(dataset: "Dataset") -> dict[str, Any]:
    return {
        "name": dataset.name,
        "digest": dataset.digest,
        "images": dataset.images(),
        "removed": dataset.removed,
        "label_file_sha256": dataset.label_file_sha256,
        "recipe": asdict(dataset.recipe),
    }
