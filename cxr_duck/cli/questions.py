"""cxr findings and cxr pairs."""

import sys
from typing import Annotated

import typer

from cxr_duck.cli.options import Format, HierarchyOption, StoreOption

__all__ = ["add_to"]

_Format = Annotated[Format, typer.Option("--format", help="How to print the rows.")]
_Limit = Annotated[int, typer.Option("--limit", min=0, help="Rows of a table; 0 for all.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module to an app."""
    app.command()(findings)
    app.command()(pairs)


def findings(form: _Format = Format.table, limit: _Limit = 20, store: StoreOption = None) -> None:
    """List the findings of the index, the most frequent first.

    Images, patients and studies with each, and the share of its images labelled by hand.
    """
    from cxr_duck.cli.output import print_arrow
    from cxr_duck.experiment_data import ExperimentData

    print_arrow(ExperimentData(store=store).findings(), form, limit)


def pairs(
    term: Annotated[str, typer.Argument(help="A finding; a term of a hierarchy with --under.")],
    under: Annotated[
        bool, typer.Option("--under", help="Any finding at or below the term of the hierarchy.")
    ] = False,
    hierarchy: HierarchyOption = "padchest",
    unit: Annotated[
        str, typer.Option("--unit", help="What is counted: image, study or patient.")
    ] = "study",
    form: _Format = Format.table,
    limit: _Limit = 20,
    store: StoreOption = None,
) -> None:
    """List the findings that stand beside a finding, the strongest association first.

    Lift is 1 where two findings don't depend on each other; p is Fisher's, two-sided, and q is p
    adjusted for the number of findings. Labels belong to a study; its images repeat them.
    """
    from cxr_duck.cli.output import TerminalProgress, print_arrow
    from cxr_duck.experiment_data import ExperimentData

    data = ExperimentData(store=store, progress=TerminalProgress())
    found = data.pairs(term, under=under, hierarchy=hierarchy, unit=unit)
    print_arrow(found.table, form, limit)
    units = {"image": "images", "study": "studies", "patient": "patients"}[unit]
    print(f"{term}: {found.asked:,} of {found.observed:,} {units}", file=sys.stderr)
