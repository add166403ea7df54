"""The command line: parses, calls one method, prints. Data on stdout, narration on stderr."""

import os
import sys

import typer

from cxr_duck.cli import checks, datasets, demo, index, queries, terms
from cxr_duck.errors import CxrError

__all__ = ["app", "main"]

app = typer.Typer(
    name="cxr",
    help="From a labelled chest X-ray repository to a training set that can be trusted.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (demo, index, queries, terms, datasets, checks):
    group.add_to(app)


def main() -> None:
    """Run a command; an error of ours becomes one sentence on stderr and exit code 1."""
    try:
        app(prog_name="cxr")
    except CxrError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:  # the reader of our output went away, as in `cxr find … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
