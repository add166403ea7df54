"""The commands `cxr check-store` and `cxr compact`, which verify a store and merge its files."""

import sys

import typer

from cxr_duck.cli.options import StoreOption

__all__ = ["add_to"]

_SHOWN = 5  # rows that a broken invariant prints


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module to an app."""
    app.command("check-store")(check_store)
    app.command()(compact)


def compact(store: StoreOption = None) -> None:
    """Merge the small files that a store gets by growing."""
    from cxr_duck.cli.progress_bar import TerminalProgress
    from cxr_duck.store.compaction import compact as merge_files
    from cxr_duck.store.store import Store

    counts = merge_files(Store(store), TerminalProgress())
    print(", ".join(f"{name}: {old:,} -> {new:,} files" for name, (old, new) in counts.items()))


def check_store(store: StoreOption = None) -> None:
    """Test every invariant of a store.

    Prints the rows that break one, and then exits with 1.
    """
    from cxr_duck.cli.output import print_table
    from cxr_duck.cli.progress_bar import TerminalProgress
    from cxr_duck.store.invariants import run_checks
    from cxr_duck.store.store import Store

    checks = run_checks(Store(store), TerminalProgress())
    broken = [check for check in checks if check.rows]
    untested = [check for check in checks if check.untested]
    for check in broken:
        print(f"{check.name}: {len(check.rows):,} rows, {check.grain}", file=sys.stderr)
        print_table(check.columns, check.rows[:_SHOWN])
    for check in untested:
        print(f"{check.name}: not tested, {check.untested}", file=sys.stderr)
    if broken or untested:
        raise typer.Exit(1)
    print(f"{len(checks)} checks, nothing broken")
