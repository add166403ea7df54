"""The command `cxr create`, which makes and records a dataset."""

from inspect import signature
from pathlib import Path
from typing import Annotated, Any

import typer

from cxr_duck.cli.dataset_tables import print_dataset, print_plan
from cxr_duck.cli.options import JsonOption, StoreOption

__all__ = ["add_to", "list_in"]


def add_to(app: typer.Typer) -> None:
    """Add the command of this module to an app."""
    from cxr_duck.cli.recipe_options import with_options

    create.__signature__ = with_options(_OWN)  # type: ignore[attr-defined]
    app.command()(create)


def list_in(app: typer.Typer) -> None:
    """Add the command without its options, which cost time and which no list of commands has."""
    app.command(help=create.__doc__, name="create")(lambda: None)


def create(
    context: typer.Context,
    recipe: Annotated[
        Path | None,
        typer.Option("--recipe", metavar="FILE", help="Take all that from a TOML file instead."),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Show what would be made and what is left out; record it not."
        ),
    ] = False,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the dataset.", show_default="of the terms")
    ] = None,
    experiment: Annotated[
        str | None,
        typer.Option("--experiment", help="Experiment it belongs to.", show_default="default"),
    ] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
    **options: Any,
) -> None:
    """Make and record a balanced, patient-disjoint dataset.

    Classes get the same number of images, 70/20/10 in train, valid and test, unless asked
    otherwise.
    """
    from cxr_duck.cli.progress_bar import TerminalProgress
    from cxr_duck.cli.recipe_options import refuse_options, requested
    from cxr_duck.experiment_data import ExperimentData

    data = ExperimentData(store=store, engine=context.obj, progress=TerminalProgress())
    if recipe is not None:
        refuse_options(context)
        dataset = data.create_from_recipe(
            recipe, name=name, experiment=experiment, store_it=not dry_run
        )
    else:
        dataset = data.create_dataset(
            **requested(options),
            name=name,
            experiment="default" if experiment is None else experiment,
            store_it=not dry_run,
        )
    if dry_run:
        print_plan(dataset, as_json)
    else:
        print_dataset(dataset, as_json)


_OWN = signature(create)
