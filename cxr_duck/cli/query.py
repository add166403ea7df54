"""The commands `cxr find` and `cxr sql`, which search a store."""

from typing import Annotated

import typer

from cxr_duck.cli.options import Format, HierarchyOption, LimitOption, StoreOption
from cxr_duck.cli.parsing import refuse_idle

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
    store: StoreOption = None,
) -> None:
    """Find images by findings, places and fields.

    A query joins these by NOT, AND, OR and brackets: nodule; under(infiltrates), which is
    anything at or below a term; pleural effusion @ right, a finding in a place; C0034079, a CUI;
    age >= 18, projection IN (PA, AP), sex IS NULL, frontal, findings = 1 (a list's length).
    A comparison holds where the field is known; NOT means all other images.
    """
    from cxr_duck.store.store import Store

    if form not in (*Format, "ids"):
        raise typer.BadParameter(f"{form!r} is none of table, csv, json, parquet, ids")
    if count:
        refuse_idle(context, "limit", "--count counts all images")
        if form == "ids":
            refuse_idle(context, "form", "--count prints a number, and ids are those of the images")
    if explain and form != "ids":
        refuse_idle(context, "form", "--explain prints SQL, and only ids are another query")
    engine = Store(store, context.obj).engine()
    bare = count and form == Format.table
    if bare and not explain and hierarchy == "padchest":  # quick: nothing of the language
        found = engine.scalar("SELECT count(*) FROM postings WHERE finding = ?", query)
        if found:
            print(found)
            return
    from cxr_duck.query.find import ask
    from cxr_duck.query.read_only import telling_query_errors

    question = ask(engine, query, hierarchy)
    chosen = question.count if count else question.ids if form == "ids" else question.rows
    asked = chosen.first(limit) if limit and not count else chosen
    if explain:
        print(asked.script)
        return
    with telling_query_errors():
        if bare or form == "ids":
            for (line,) in engine.stream(asked.sql, asked.params)[1]:
                print(line)
            return
        from cxr_duck.cli.output import print_query

        print_query(engine, chosen.sql, Format(form), chosen.params, limit)


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
    from cxr_duck.engines.duckdb import DuckDBEngine
    from cxr_duck.query.read_only import check_query, telling_query_errors
    from cxr_duck.store.store import Store

    cursor = Store(store).cursor()
    check_query(cursor, query)
    with telling_query_errors():
        print_query(DuckDBEngine(cursor), query, form, limit=limit, in_table=_ROWS)
