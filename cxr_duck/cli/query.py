"""The commands `cxr find` and `cxr sql`, which search a store."""

from typing import TYPE_CHECKING, Annotated

import typer

from cxr_duck.cli.options import DamagedOption, Format, HierarchyOption, LimitOption, StoreOption
from cxr_duck.cli.parsing import refuse_idle

if TYPE_CHECKING:
    from cxr_duck.query.find import Form

__all__ = ["add_to"]

_ROWS = 1000  # of the table of a user's own query, where no limit is given


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module to an app."""
    app.command()(find)
    app.command()(sql)


def find(
    context: typer.Context,
    query: Annotated[
        str, typer.Argument(help="A finding, or findings, places and fields with AND, OR, NOT.")
    ],
    count: Annotated[bool, typer.Option("--count", help="Only the number of images.")] = False,
    form: Annotated[
        str, typer.Option("--format", help="table, csv, json, parquet, or ids, one a line.")
    ] = "table",
    limit: LimitOption = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print the SQL instead of running it.")
    ] = False,
    hierarchy: HierarchyOption = "padchest",
    damaged: DamagedOption = False,
    store: StoreOption = None,
) -> None:
    """Find images by findings, places and fields.

    A query joins these by NOT, AND, OR and brackets: nodule; under(infiltrates), which is
    anything at or below a term; pleural effusion @ right, a finding in a place; C0034079, a CUI;
    age >= 18, projection IN (PA, AP), sex IS NULL, frontal, findings = 1 (a list's length).
    A comparison holds where the field is known; NOT means all other images.
    """
    from cxr_duck.experiment_data import ExperimentData

    if form not in (*Format, "ids"):
        raise typer.BadParameter(f"{form!r} is none of table, csv, json, parquet, ids")
    if count:
        refuse_idle(context, "limit", "--count counts all images")
        if form == "ids":
            refuse_idle(context, "form", "--count prints a number, and ids are those of the images")
    if explain and form != "ids":
        refuse_idle(context, "form", "--explain prints SQL, and only ids are another query")
    data = ExperimentData(store=store, engine=context.obj)
    what: Form = "count" if count else "ids" if form == "ids" else "rows"
    if explain:
        print(data.explain(query, hierarchy=hierarchy, damaged=damaged, form=what, limit=limit))
    elif count and form == Format.table:
        print(data.count(query, hierarchy=hierarchy, damaged=damaged))
    elif form == "ids":
        for image_id in data.ids(query, hierarchy=hierarchy, damaged=damaged, limit=limit):
            print(image_id)
    else:
        from cxr_duck.cli.output import print_query

        print_query(
            data.find_rows(query, hierarchy=hierarchy, damaged=damaged, form=what),
            Format(form),
            limit,
        )


def sql(
    query: Annotated[str, typer.Argument(help="One query, such as 'SELECT * FROM rejects'.")],
    form: Annotated[Format, typer.Option("--format", help="How to print the rows.")] = Format.table,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=0, help="Rows; 0 for all.", show_default="1000 in a table"),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Run a read-only query on the store's views and tables."""
    from cxr_duck.cli.output import print_query
    from cxr_duck.experiment_data import ExperimentData

    print_query(ExperimentData(store=store).sql_rows(query), form, limit, in_table=_ROWS)
