"""cxr find and cxr sql."""

from typing import Annotated

import typer

from cxr_duck.cli.options import Format, StoreOption

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module to an app."""
    app.command()(find)
    app.command()(sql)


def find(
    finding: Annotated[str, typer.Argument(help="A finding, as 'cxr terms' shows it.")],
    count: Annotated[bool, typer.Option("--count", help="Only the number of images.")] = False,
    form: Annotated[
        str, typer.Option("--format", help="table, csv, json, parquet, or ids, one a line.")
    ] = "table",
    limit: Annotated[int, typer.Option("--limit", min=0, help="Rows of a table; 0 for all.")] = 20,
    store: StoreOption = None,
) -> None:
    """Look a finding up in the index."""
    from cxr_duck.engines.duckdb import DuckDBEngine
    from cxr_duck.index import unknown_finding
    from cxr_duck.stages import stage
    from cxr_duck.store import Store

    if form not in (*Format, "ids"):
        raise typer.BadParameter(f"{form!r} is none of table, csv, json, parquet, ids")
    engine = DuckDBEngine(Store(store).cursor())
    found = engine.scalar("SELECT count(*) FROM postings WHERE finding = ?", finding)
    if not found:
        raise unknown_finding(engine, finding)
    if count:
        print(found)
        return
    if form == "ids":
        print("\n".join(row[0] for row in engine.rows("finding_postings", finding=finding)))
        return
    from cxr_duck.cli.output import print_query

    query = stage("finding_postings").sql
    print_query(engine.connection, query, Format(form), {"finding": finding}, limit)


def sql(
    query: Annotated[str, typer.Argument(help="One query, such as 'SELECT * FROM rejects'.")],
    form: Annotated[Format, typer.Option("--format", help="How to print the rows.")] = Format.table,
    store: StoreOption = None,
) -> None:
    """Run a read-only query on the store's views and tables."""
    from cxr_duck.cli.output import print_query
    from cxr_duck.query.sql import check_query, telling_query_errors
    from cxr_duck.store import Store

    cursor = Store(store).cursor()
    check_query(cursor, query)
    with telling_query_errors():
        print_query(cursor, query, form)
