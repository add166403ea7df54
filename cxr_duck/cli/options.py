"""Options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["Format", "HierarchyOption", "StoreOption"]

StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store", help="Folder of the store.", show_default="$CXR_STORE, else ./cxr-store"
    ),
]
HierarchyOption = Annotated[
    str,
    typer.Option("--hierarchy", help="padchest, paper, or a CSV file of term, parent."),
]


class Format(StrEnum):
    """How rows are written to stdout."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"
