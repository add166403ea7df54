"""The command `cxr terms`, which draws a hierarchy with its numbers of images."""

from typing import Annotated

import typer

from cxr_duck.cli.options import DamagedOption, HierarchyOption, StoreOption

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module to an app."""
    app.command()(terms)


def terms(
    term: Annotated[str | None, typer.Argument(help="Draw what is below this term only.")] = None,
    hierarchy: HierarchyOption = "padchest",
    damaged: DamagedOption = False,
    store: StoreOption = None,
) -> None:
    """Draw a hierarchy of terms with counts of images.

    The number is of distinct images at or below the term; a branch that was drawn already,
    because its head has several parents, is marked (above).
    """
    from cxr_duck.cli.progress_bar import TerminalProgress
    from cxr_duck.experiment_data import ExperimentData

    data = ExperimentData(store=store, progress=TerminalProgress())
    print("\n".join(data.draw_terms(term, hierarchy, damaged=damaged)))
