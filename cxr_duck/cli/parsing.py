"""Parses options that have several parts, and refuses those that would have no effect."""

import typer

__all__ = ["named_queries", "named_shares", "refuse_idle", "sizes_of"]


def refuse_idle(context: typer.Context, names: str, why: str) -> None:
    """Refuse options that stand on the command line, and would have no effect there.

    `names` are those of the parameters, between spaces; `why` says what they are for.
    """
    for name in names.split():
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            (options,) = (p.opts for p in context.command.params if p.name == name)
            raise typer.BadParameter(f"{options[0]} has no effect here: {why}")


def named_shares(option: str | None) -> dict[str, float] | None:
    """Return the shares of an option: train=70,valid=20,test=10, or the numbers of these three."""
    if option is None:
        return None
    parts = [part.strip() for part in option.split(",")]
    if all("=" not in part for part in parts):
        names = {2: ["train", "test"], 3: ["train", "valid", "test"]}.get(len(parts), [])
        parts = [f"{name}={part}" for name, part in zip(names, parts, strict=False)]
    shares: dict[str, float] = {}
    for part in parts:
        name, equals, share = (word.strip() for word in part.partition("="))
        try:
            shares[name] = int(share) if share.isdigit() else float(share)
        except ValueError:
            equals = ""
        if not name or not equals:
            raise typer.BadParameter(f"--shares takes SPLIT=NUMBER,…, not {option!r}")
    if len(shares) != len(parts) or not shares:
        raise typer.BadParameter(f"--shares needs a name for each split, not {option!r}")
    return shares


def sizes_of(option: str | None) -> int | dict[str, int] | None:
    """Return the size of an option: a number, or SPLIT=N for single splits."""
    if option is None:
        return None
    if option.strip().isdigit():
        return int(option)
    sizes: dict[str, int] = {}
    for part in option.split(","):
        name, _, number = (word.strip() for word in part.partition("="))
        if not name or not number.isdigit() or name in sizes:
            raise typer.BadParameter(f"--size takes a number, or SPLIT=NUMBER,…, not {option!r}")
        sizes[name] = int(number)
    return sizes


def named_queries(options: list[str]) -> dict[str, str]:
    """Return the queries of options NAME=QUERY by their names."""
    queries: dict[str, str] = {}
    for option in options:
        name, equals, query = (part.strip() for part in option.partition("="))
        if not name or not equals:
            raise typer.BadParameter(f"--class takes NAME=QUERY, not {option!r}")
        if name in queries:
            raise typer.BadParameter(f"the class {name!r} is given twice")
        queries[name] = query
    return queries
