"""`python -m cxr_duck` is `cxr`."""

from cxr_duck.cli import main

main()
