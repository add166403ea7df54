"""The command line: each command parses its options, calls one method and prints the result.

Data go to stdout, narration and progress to stderr.

A command imports what it needs when it runs, and the app only the module of the command that was
given: `cxr` starts quickly.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from cxr_duck.errors import CxrError
from cxr_duck.store.one_state import one_state
from cxr_duck.version import __version__

__all__ = ["COMMANDS", "main", "make_app"]

# The modules and their commands, as the help lists them. To build a command costs time: that of the
# module that was asked for is enough.
COMMANDS = {
    "demo": ("demo",),
    "index": ("index", "remove"),
    "query": ("find", "sql"),
    "terms": ("terms",),
    "findings": ("findings", "pairs", "why"),
    "create": ("create",),
    "datasets": ("datasets", "show", "reproduce"),
    "export": ("export",),
    "record": ("diff", "rename", "delete"),
    "bundle": ("bundle", "unbundle"),
    "audit": ("audit", "matrix"),
    "images": ("check",),
    "twins": ("twins",),
    "store": ("check-store", "compact", "upgrade", "repair"),
}
_ON_ENGINES = ("index", "find", "create", "reproduce", "check")  # the others run on DuckDB


def make_app(words: Sequence[str] = ()) -> typer.Typer:
    """Return the app that a command line needs, with all commands where its first is unknown."""
    app = typer.Typer(
        name="cxr",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(cxr)
    requested = [module for module, names in COMMANDS.items() if _command_of(words) in names]
    listed = [*words] in (["-h"], ["--help"])
    for module in requested or COMMANDS:
        commands = import_module(f"cxr_duck.cli.{module}")
        if listed and hasattr(commands, "list_in"):
            commands.list_in(app)
        else:
            commands.add_to(app)
    return app


def _command_of(words: Sequence[str]) -> str:
    """Return the first word that is neither an option nor its value."""
    rest = iter(words)
    for word in rest:
        if word == "--engine":
            next(rest, None)
        elif not word.startswith("-"):
            return word
    return ""


def cxr(
    context: typer.Context,
    engine: Annotated[
        str,
        typer.Option(
            "--engine",
            help="duckdb, spark, a Spark master's URL, or sc://HOST:PORT.",
        ),
    ] = "duckdb",
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """From a labelled chest X-ray repository to a training set that can be trusted."""
    if version:
        print(f"cxr-duck {__version__}")
        raise typer.Exit
    command = context.invoked_subcommand
    if engine != "duckdb" and command is not None and command not in _ON_ENGINES:
        raise CxrError(
            f"cxr {command} runs on DuckDB, whichever engine made the store: leave out --engine"
        )
    context.obj = engine


def main() -> None:
    """Run a command; an error becomes one sentence on stderr and exit code 1."""
    try:
        with one_state():
            make_app(sys.argv[1:])(prog_name="cxr")
    except CxrError as error:
        _end(f"Error: {error}", 1)
    except KeyboardInterrupt:
        _end("Interrupted: nothing was changed", 130)
    except BrokenPipeError:  # the reader of our output went away, as in `cxr find … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        _end(f"Error: {error.strerror or error}: {error.filename or 'the output'}", 1)
    except UnicodeError as error:
        _end(f"Error: this text can't be taken or printed here: {error}", 1)


def _end(sentence: str, code: int) -> None:
    try:
        sys.stdout.flush()
    except OSError:  # the sentence tells; what could not be written is dropped
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    print(sentence, file=sys.stderr)
    sys.exit(code)
