"""What is typed for options of several parts: shares, sizes, dates, and the queries of classes.

Each function raises ValueError for words that are none of its option.
"""

from collections.abc import Sequence

__all__ = ["days_of", "named_queries", "named_shares", "sizes_of"]


def named_shares(option: str) -> dict[str, float]:
    """Return the shares of an option: train=70,valid=20,test=10, or the numbers of these three."""
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
            raise ValueError(f"--shares takes SPLIT=NUMBER,…, not {option!r}")
    if len(shares) != len(parts) or not shares:
        raise ValueError(f"--shares needs a name for each split, not {option!r}")
    return shares


def sizes_of(option: str) -> int | dict[str, int]:
    """Return the size of an option: a number, or SPLIT=N for single splits."""
    if option.strip().isdigit():
        return int(option)
    sizes: dict[str, int] = {}
    for part in option.split(","):
        name, _, number = (word.strip() for word in part.partition("="))
        if not name or not number.isdigit() or name in sizes:
            raise ValueError(f"--size takes a number, or SPLIT=NUMBER,…, not {option!r}")
        sizes[name] = int(number)
    return sizes


def days_of(option: str) -> list[str]:
    """Return the dates of an option: 2014-01-01,2015-01-01."""
    return [day.strip() for day in option.split(",")]


def named_queries(options: Sequence[str]) -> dict[str, str]:
    """Return the queries of options NAME=QUERY by their names."""
    queries: dict[str, str] = {}
    for option in options:
        name, equals, query = (part.strip() for part in option.partition("="))
        if not name or not equals:
            raise ValueError(f"--class takes NAME=QUERY, not {option!r}")
        if name in queries:
            raise ValueError(f"the class {name!r} is given twice")
        queries[name] = query
    return queries
