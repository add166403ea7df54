"""cxr upgrade and repair."""

from typing import Annotated

import typer

from cxr_duck.cli.options import StoreOption

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module to an app."""
    for command in (upgrade, repair):
        app.command()(command)


def upgrade(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would change.")
    ] = False,
    store: StoreOption = None,
) -> None:
    """Bring a store to the format of this version.

    The first change of a store does the same. Datasets and Parquet files stay as they are.
    """
    from cxr_duck.cli.output import TerminalProgress
    from cxr_duck.experiment_data import ExperimentData
    from cxr_duck.store_format import FORMAT

    data = ExperimentData(store=store, progress=TerminalProgress())
    done = data.upgrade(dry_run=dry_run)
    if not done.changes:
        print(f"{data.store.root} is of format {FORMAT}, which this version writes")
        return
    if dry_run:
        print(
            f"{data.store.root} is of format {done.found.number}, by cxr-duck "
            f"{done.found.package_version}; an upgrade to format {FORMAT} would change this:"
        )
    for change in done.changes:
        print(f"  {change}")
    print(f"{done.datasets:,} datasets and {done.data_files:,} data files stay as they are")


def repair(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would come of it.")
    ] = False,
    store: StoreOption = None,
) -> None:
    """Make a lost or broken cxr.duckdb again, from the Parquet files beside it.

    Deletes nothing: what belongs to no state of the store is set aside.
    """
    from cxr_duck.cli.output import TerminalProgress
    from cxr_duck.experiment_data import ExperimentData

    data = ExperimentData(store=store, progress=TerminalProgress())
    done = data.repair(dry_run=dry_run)
    if not done.problem:
        print(f"nothing to repair: {data.store.root}/{data.store.catalog.name} is whole")
        return
    print(done.problem)
    would = "would be " if dry_run else ""
    for title, lines in ((f"{would}made again", done.rebuilt), ("lost", done.lost)):
        for line in lines:
            print(f"{title}: {line}")
    if done.aside is not None:
        print(f"{would}set aside in {done.aside}: {', '.join(done.set_aside)}")
    if not dry_run:
        print("cxr check-store tests the result")
