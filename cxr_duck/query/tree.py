"""The tree of a query: as it was written, and as it was resolved against a store.

What was written speaks of terms, places and fields by name and knows the column of each; what was
resolved speaks of findings, localizations and typed values alone, depends on no hierarchy, and can
be kept as JSON.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, Union

from cxr_duck.errors import QueryError

__all__ = [
    "MAX_DEPTH",
    "Compared",
    "Comparison",
    "Finding",
    "Junction",
    "Resolved",
    "Shown",
    "Term",
    "TooDeepError",
    "Word",
    "Written",
    "from_plain",
    "join",
    "leaves",
    "map_leaves",
    "named_findings",
    "to_plain",
]

MAX_DEPTH = 100  # junctions within each other; brackets alone add none


class TooDeepError(QueryError):
    """A query whose ANDs, ORs and NOTs stand within each other too deep."""


@dataclass(frozen=True)
class Word:
    """A name or value as it was written, without its quotes, and where it begins (from 0)."""

    text: str
    start: int = field(default=0, compare=False)
    quoted: bool = False


@dataclass(frozen=True)
class Term:
    """A term alone, or with everything below it."""

    word: Word
    under: bool = False


@dataclass(frozen=True)
class Finding:
    """FINDING @ PLACE @ …: a finding, in all of the places at once."""

    term: Term
    places: tuple[Term, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """A field, an operator (=, !=, <, <=, >, >=, in, not in, is null, is not null), values."""

    field: Word
    operator: str
    values: tuple[Word, ...] = ()


@dataclass(frozen=True)
class Shown:
    """An image that shows one of the findings, and in each of the places.

    A place is any of its localizations; all places are places of the same posting.
    """

    findings: tuple[str, ...]
    places: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Compared:
    """An image with a field that compares to the values; false where the field is unknown.

    `kind` is text, number, date (values as yyyy-mm-dd), truth, length (of a list) or any.
    """

    field: str
    kind: str
    operator: str
    values: tuple[str | int | float | bool, ...] = ()


Leaf = TypeVar("Leaf")


@dataclass(frozen=True)
class Junction(Generic[Leaf]):
    """Parts that are joined by `and` or `or`, or the one part that is denied by `not`."""

    word: str
    parts: tuple["Leaf | Junction[Leaf]", ...]
    depth: int = field(default=1, compare=False, repr=False)


Written = Union[Finding, Comparison, "Junction[Finding | Comparison]"]
Resolved = Union[Shown, Compared, "Junction[Shown | Compared]"]


def join(word: str, parts: tuple[Leaf | Junction[Leaf], ...]) -> Leaf | Junction[Leaf]:
    """Join parts: one alone stays as it is, `a and (b and c)` is flat, `not not a` is a.

    Raises TooDeepError where more than MAX_DEPTH junctions would stand within each other.
    """
    if word == "not":
        (part,) = parts
        if isinstance(part, Junction) and part.word == "not":
            return part.parts[0]
    elif len(parts) == 1:
        return parts[0]
    flat: list[Leaf | Junction[Leaf]] = []
    for part in parts:
        if isinstance(part, Junction) and part.word == word != "not":
            flat.extend(part.parts)
        else:
            flat.append(part)
    depth = 1 + max(part.depth if isinstance(part, Junction) else 0 for part in flat)
    if depth > MAX_DEPTH:
        raise TooDeepError(
            f"more than {MAX_DEPTH} levels of AND, OR and NOT stand within each other: "
            "write the query flatter"
        )
    return Junction(word, tuple(flat), depth)


def map_leaves(tree: Written, change: Callable[[Finding | Comparison], Resolved]) -> Resolved:
    """Return the resolved tree of a written one, leaf by leaf."""
    if isinstance(tree, Junction):
        return join(tree.word, tuple(map_leaves(part, change) for part in tree.parts))
    return change(tree)


def leaves(tree: Leaf | Junction[Leaf]) -> Iterator[Leaf]:
    """Yield the leaves of a tree, from the left."""
    open_parts: list[Leaf | Junction[Leaf]] = [tree]
    while open_parts:
        part = open_parts.pop()
        if isinstance(part, Junction):
            open_parts.extend(reversed(part.parts))
        else:
            yield part


def named_findings(tree: Resolved) -> list[str]:
    """Return the findings that a query names outside NOT, in the order of their names."""
    found: set[str] = set()
    open_parts: list[Resolved] = [tree]
    while open_parts:
        part = open_parts.pop()
        if isinstance(part, Shown):
            found.update(part.findings)
        elif isinstance(part, Junction) and part.word != "not":
            open_parts.extend(part.parts)
    return sorted(found)


def to_plain(tree: Resolved) -> dict[str, Any]:
    """Return a resolved tree as objects that JSON holds."""
    if isinstance(tree, Shown):
        return {"findings": list(tree.findings), "places": [list(p) for p in tree.places]}
    if isinstance(tree, Compared):
        return {
            "field": tree.field,
            "kind": tree.kind,
            "operator": tree.operator,
            "values": list(tree.values),
        }
    return {tree.word: [to_plain(part) for part in tree.parts]}


_KINDS = ("text", "number", "date", "truth", "length", "any")


def from_plain(plain: Any) -> Resolved:
    """Return the tree that `to_plain` wrote; QueryError where it is none."""
    try:
        return _from_plain(plain)
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
        raise QueryError(f"this is no query that was resolved and saved: {error}") from error


def _from_plain(plain: Any) -> Resolved:
    if "findings" in plain:
        places = tuple(_texts(place) for place in plain["places"])
        return Shown(_texts(plain["findings"]), places)
    if "field" in plain:
        values = tuple(plain["values"])
        if not all(isinstance(value, str | int | float) for value in values):
            raise ValueError(f"{plain['values']} are no values")
        (name, kind, operator) = _texts([plain[key] for key in ("field", "kind", "operator")])
        wanted = 0 if operator.startswith("is ") else 1
        if kind not in _KINDS or len(values) < wanted:
            raise ValueError(f"{kind!r} is no kind of comparison with {len(values)} values")
        return Compared(name, kind, operator, values)
    ((word, parts),) = plain.items()
    if word not in ("and", "or", "not") or not parts or (word == "not" and len(parts) > 1):
        raise ValueError(f"{word!r} joins {len(parts)} parts")
    return join(word, tuple(_from_plain(part) for part in parts))


def _texts(words: Any) -> tuple[str, ...]:
    if not isinstance(words, list) or not words or not all(isinstance(w, str) for w in words):
        raise ValueError(f"{words!r} is no list of texts")
    return tuple(words)
