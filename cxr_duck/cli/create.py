"""The command `cxr create`, which makes and records a dataset."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from cxr_duck.cli.dataset_tables import print_dataset, print_plan
from cxr_duck.cli.options import JsonOption, StoreOption
from cxr_duck.cli.parsing import parsed
from cxr_duck.datasets.recipes.request import OPTIONS, Request

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the command of this module to an app."""
    app.command()(create)


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
    from cxr_duck.experiment_data import ExperimentData

    data = ExperimentData(store=store, engine=context.obj, progress=TerminalProgress())
    if recipe is not None:
        _refuse_options(context)
        dataset = data.create_from_recipe(
            recipe, name=name, experiment=experiment, store_it=not dry_run
        )
    else:
        dataset = data.create_dataset(
            **_asked(options),
            name=name,
            experiment="default" if experiment is None else experiment,
            store_it=not dry_run,
        )
    if dry_run:
        print_plan(dataset, as_json)
    else:
        print_dataset(dataset, as_json)


def _with_options(own: Signature) -> Signature:
    """Return a signature with the options of a recipe in front, in place of `**options`."""
    context, *others, _ = own.parameters.values()
    options = [_parameter(field) for field in fields(Request)]
    behind = [other.replace(kind=Parameter.KEYWORD_ONLY) for other in others]
    return own.replace(parameters=[context, *options, *behind])


def _parameter(field: "Field[Any]") -> Parameter:
    """Return an option of a recipe as typer takes it; without a plain default it may be absent."""
    option = OPTIONS[field.name]
    info = (
        typer.Option(
            option.flag,
            metavar=option.metavar,
            help=option.help,
            show_default=option.default_help or True,
        )
        if option.flag
        else typer.Argument(metavar=option.metavar, help=option.help)
    )
    plain = field.default is not MISSING and isinstance(field.default, str | int)
    typed = option.kind.typed if plain else option.kind.typed | None
    return Parameter(
        field.name,
        Parameter.KEYWORD_ONLY,
        default=field.default if plain else None,
        annotation=Annotated[typed, info],
    )


def _asked(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given, as `create_dataset` takes them."""
    return {
        option.python: parsed(option.kind.parsed, options[name])
        for name, option in OPTIONS.items()
        if options[name] is not None
    }


def _refuse_options(context: typer.Context) -> None:
    """Refuse options that a recipe file would have to give."""
    for name in OPTIONS:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(
                f"{name.replace('_', '-')} stands in the recipe file or on the command line, "
                "not in both: leave --recipe or the option out"
            )


# typer builds the command from it.
create.__signature__ = _with_options(signature(create))  # type: ignore[attr-defined]
