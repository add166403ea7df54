"""The commands `cxr audit`, which finds what is wrong with a split, and `cxr matrix`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cxr_duck.cli.dataset_tables import print_covariates
from cxr_duck.cli.options import Format, HierarchyOption, LimitOption, StoreOption
from cxr_duck.cli.parsing import parsed, refuse_idle
from cxr_duck.datasets.recipes.words import named_queries

if TYPE_CHECKING:
    from cxr_duck.audit.result import Audit

__all__ = ["add_to"]

_SHOWN = 3  # rows that a broken rule prints
_CLASSES = 20  # that the table of what is in the splits has
_Images = Annotated[
    Path | None, typer.Option("--images", help="Folder of the images, if it was moved.")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module to an app."""
    app.command()(audit)
    app.command()(matrix)


def audit(
    context: typer.Context,
    subject: Annotated[
        str, typer.Argument(metavar="NAME|CSV", help="A recorded dataset, or a CSV file.")
    ],
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", metavar="NAME=QUERY", help="What a class of the CSV file holds."),
    ] = None,
    hierarchy: HierarchyOption = "padchest",
    shares: Annotated[
        str | None,
        typer.Option("--shares", help="Asked of the CSV file's splits, such as 70,20,10."),
    ] = None,
    balanced: Annotated[
        bool, typer.Option("--balanced", help="Asked of the CSV file: equal classes.")
    ] = False,
    files: Annotated[
        bool, typer.Option("--files/--no-files", help="Look at the image files.")
    ] = True,
    images: _Images = None,
    check: Annotated[
        str | None, typer.Option("--check", help="Make this check alone, and print all its rows.")
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", help="How to print the rows of --check.")
    ] = Format.table,
    limit: LimitOption = None,
    store: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
) -> None:
    """Find what is wrong with a dataset, or with any split.

    A CSV file has the columns image, split and class. Looks for patients, studies, identical
    files and twin images in two splits, labels that don't hold, missing and damaged files, the
    sizes of splits and classes, and what else tells them apart. Exits with 1 where something is
    wrong.
    """
    from cxr_duck.cli.output import print_arrow
    from cxr_duck.cli.progress_bar import TerminalProgress
    from cxr_duck.experiment_data import ExperimentData

    if check is None and (form is not Format.table or limit is not None):
        raise typer.BadParameter("--format and --limit are for the rows of one --check")
    if as_json:
        refuse_idle(context, "form limit", "--json prints all of the audit")
    found = ExperimentData(images, store=store, progress=TerminalProgress()).audit(
        subject,
        classes=parsed(named_queries, classes or []),
        hierarchy=hierarchy,
        shares=_shares(shares),
        balanced=balanced,
        files=files,
        checks=[] if check is None else [check],
    )
    if as_json:
        print(json.dumps(found.to_dict(), ensure_ascii=False, indent=2))
    elif check is None:
        _print_audit(found)
    elif (rows := found[check].rows) is not None:
        print_arrow(rows, form, limit)
    _tell(found)
    if found.wrong or (check is not None and found[check].rows is None):
        raise typer.Exit(1)


def _shares(text: str | None) -> list[int]:
    try:
        return [] if text is None else [int(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(
            f"--shares takes whole numbers, such as 70,20,10, not {text!r}"
        ) from None


def _print_audit(found: "Audit") -> None:
    """Print a line a check, some of what is wrong, how the splits differ, what is in them."""
    from cxr_duck.audit.covariates import IN_TABLE
    from cxr_duck.cli.output import print_arrow, print_table

    print_table(
        ("check", "found", "rule", ""),
        [
            (check.name, check.found if check.rows is not None else "-", check.rule, check.verdict)
            for check in found.checks
        ],
    )
    for check in found.checks:
        if check.rows is not None and check.found and check.name not in IN_TABLE:
            print(f"\n{check.name}: {check.found:,}{', worth a look' if check.note else ''}")
            print_arrow(check.rows.slice(0, _SHOWN), Format.table)
    print()
    if found.covariates is not None:
        print_covariates(found.covariates)
        print()
    print_table(("", *found.splits, "all"), _composition(found))


def _composition(found: "Audit") -> list[list[Any]]:
    """Return the lines of a table of what each split holds."""
    cells = {(row["split"], row["class"]): row for row in found.composition.to_pylist()}

    def line(title: str, name: str, column: str = "images") -> list[Any]:
        numbers = [cells.get((split, name), {}).get(column, 0) for split in found.splits]
        return [title, *numbers, sum(numbers)]

    lines = [line(name, name) for name in found.classes[:_CLASSES]]
    if more := len(found.classes) - len(lines):
        lines.append([f"… and {more:,} classes more", *([""] * (len(found.splits) + 1))])
    images = line("images", "")
    shares = [f"{number / images[-1]:.1%}" for number in images[1:]]
    patients = line("patients", "", "patients")[:-1]
    leaking = line("  also in another split", "", "leaking")[:-1]
    return [*lines, images, ["share of images", *shares], [*patients, ""], [*leaking, ""]]


def _tell(found: "Audit") -> None:
    """Say on stderr what was not tested, and how it came out."""
    for remark in found.remarks:
        print(remark, file=sys.stderr)
    reasons: dict[str, list[str]] = {}
    for check in found.checks:
        if check.untested or check.failed:
            state = "could not be tested" if check.failed else "not tested"
            reasons.setdefault(f"{state}, {check.failed or check.untested}", []).append(check.name)
    for reason, names in reasons.items():
        print(f"{reason}: {', '.join(names)}", file=sys.stderr)
    broken = [check.name for check in found.checks if check.rows is not None and check.broken]
    told = f"{len(broken)} of them broken: {', '.join(broken)}" if broken else "nothing is wrong"
    tested = sum(check.rows is not None for check in found.checks)
    print(f"{found.subject}: {tested} rules tested, {told}", file=sys.stderr)


def matrix(
    name: Annotated[str, typer.Argument(help="Name of a recorded dataset.")],
    columns: Annotated[
        str, typer.Option("--columns", help="findings of the classes, classes, or all findings.")
    ] = "findings",
    form: Annotated[Format, typer.Option("--format", help="How to print the rows.")] = Format.table,
    limit: LimitOption = None,
    images: _Images = None,
    store: StoreOption = None,
) -> None:
    """Print a dataset with a row an image and a column of 0 and 1 a finding.

    That is what a multi-label training with a binary cross entropy takes.
    """
    from cxr_duck.cli.output import print_arrow
    from cxr_duck.cli.progress_bar import TerminalProgress
    from cxr_duck.experiment_data import ExperimentData

    data = ExperimentData(images, store=store, progress=TerminalProgress())
    if form is not Format.csv:
        print_arrow(data.matrix(name, columns), form, limit)
        return
    frame = data.matrix(name, columns, form="polars")  # its writer takes wide rows in its stride
    sys.stdout.write(frame.head(limit or frame.height).write_csv())
