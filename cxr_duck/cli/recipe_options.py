"""The options of `cxr create` that are those of a recipe, made from their definition."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from inspect import Parameter, Signature
from typing import Annotated, Any

import typer

from cxr_duck.cli.parsing import is_given, parsed
from cxr_duck.datasets.recipes.request import OPTIONS, Request

__all__ = ["refuse_options", "requested", "with_options"]


def with_options(own: Signature) -> Signature:
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


def requested(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given, as `create_dataset` takes them."""
    return {
        option.python: parsed(option.kind.parsed, options[name])
        for name, option in OPTIONS.items()
        if options[name] is not None
    }


def refuse_options(context: typer.Context) -> None:
    """Refuse options that a recipe file would have to give."""
    for name in OPTIONS:
        if is_given(context, name):
            raise typer.BadParameter(
                f"{name.replace('_', '-')} stands in the recipe file or on the command line, "
                "not in both: leave --recipe or the option out"
            )
