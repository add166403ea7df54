"""The commands that keep a store: `cxr check-store`, `compact`, `upgrade` and `repair`."""

import sys
from typing import Annotated

import typer

from cxr_duck.cli.options import StoreOption

__all__ = ["add_to"]

_SHOWN = 5  # rows that a broken invariant prints


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module to an app."""
    app.command("check-store")(check_store)
    for command in (compact, upgrade, repair):
        app.command()(command)


def compact(store: StoreOption = None) -> None:
    """Merge the small files that a store gets by growing."""
    from cxr_duck.cli.progress_bar import TerminalProgress
    from cxr_duck.experiment_data import ExperimentData

    counts = ExperimentData(store=store, progress=TerminalProgress()).compact()
    print(", ".join(f"{name}: {old:,} -> {new:,} files" for name, (old, new) in counts.items()))


def check_store(store: StoreOption = None) -> None:
    """Test every invariant of a store.

    Prints the rows that break one, and then exits with 1; and identifiers that may be wrong.
    """
    from cxr_duck.cli.output import print_table
    from cxr_duck.cli.progress_bar import TerminalProgress
    from cxr_duck.experiment_data import ExperimentData

    checks = ExperimentData(store=store, progress=TerminalProgress()).check_store()
    broken = [check for check in checks if check.rows and not check.note]
    untested = [check for check in checks if check.untested]
    for check in [*broken, *(check for check in checks if check.rows and check.note)]:
        print(f"{check.name}: {len(check.rows):,} rows, {check.grain}", file=sys.stderr)
        print_table(check.columns, check.rows[:_SHOWN])
    for check in untested:
        print(f"{check.name}: not tested, {check.untested}", file=sys.stderr)
    if broken or untested:
        raise typer.Exit(1)
    tested = sum(not check.note for check in checks)
    print(f"{tested} checks, nothing broken")


def upgrade(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would change.")
    ] = False,
    store: StoreOption = None,
) -> None:
    """Bring a store to the format of this version.

    The first change of a store does the same. Datasets and Parquet files stay as they are.
    """
    from cxr_duck.cli.progress_bar import TerminalProgress
    from cxr_duck.experiment_data import ExperimentData
    from cxr_duck.store.format import FORMAT

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
    from cxr_duck.cli.progress_bar import TerminalProgress
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
