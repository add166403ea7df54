"""Options of the command line that several commands share."""

from enum import StrEnum
from typing import Annotated

import typer

__all__ = ["DamagedOption", "Format", "HierarchyOption", "JsonOption", "LimitOption", "StoreOption"]

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="PATH",
        help="Folder or URL of the store.",
        show_default="$CXR_STORE, else ./cxr-store",
    ),
]
HierarchyOption = Annotated[
    str,
    typer.Option("--hierarchy", help="padchest, paper, or a CSV file of term, parent."),
]
DamagedOption = Annotated[
    bool, typer.Option("--damaged", help="Also images whose file cxr check found damaged.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
LimitOption = Annotated[
    int | None,
    typer.Option("--limit", min=0, help="Rows; 0 for all.", show_default="20 in a table"),
]


class Format(StrEnum):
    """How rows are written to stdout."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"
