"""Runs the command line: `python -m cxr_duck` does what `cxr` does."""

from cxr_duck.cli import main

main()
