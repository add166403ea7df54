"""The command line: parses, calls one method, prints. Data on stdout, narration on stderr."""

import os
import sys
from typing import Annotated

import typer

from cxr_duck import __version__
from cxr_duck.cli import (
    audits,
    bundles,
    checks,
    datasets,
    demo,
    index,
    queries,
    questions,
    records,
    terms,
)
from cxr_duck.errors import CxrError

__all__ = ["app", "main"]

app = typer.Typer(
    name="cxr",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_GROUPS = (
    demo, index, queries, terms, questions, datasets, records, bundles, audits, checks,
)  # fmt: skip
for group in _GROUPS:
    group.add_to(app)


@app.callback(invoke_without_command=True)
def cxr(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """From a labelled chest X-ray repository to a training set that can be trusted."""
    if version:
        print(f"cxr-duck {__version__}")
        raise typer.Exit


def main() -> None:
    """Run a command; an error becomes one sentence on stderr and exit code 1."""
    try:
        app(prog_name="cxr")
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
