"""Compiles a resolved query to SQL with bound values, which returns the ids of the images.

Findings are looked up in `postings` in one pass, which notes for each image what it shows; `images`
is read only where a field is compared, or where images that show none of the findings match.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cxr_duck.engines.sql_text import identifier, quoted
from cxr_duck.errors import QueryError
from cxr_duck.query.tree import Compared, Junction, Resolved, Shown, join, leaves

__all__ = ["Compiled", "compile_query", "condition_on_postings"]

_LINE = 80  # characters of a condition that stay on one line
_LIST = 5  # words of a list that stay on one line
_CONDITIONS = 1_000  # that a query may have; findings joined by OR are one
_PARAMETER = re.compile(r'"(?:[^"]|"")*"|\$(\w+)')
_OPERATORS = {"=", "!=", "<", "<=", ">", ">=", "in", "not in", "is null", "is not null"}


@dataclass(frozen=True)
class Compiled:
    """A query as SQL: CTEs by their names, a last SELECT, and the values of its `$parameters`."""

    ctes: dict[str, str]
    select: str
    params: dict[str, object]

    @property
    def sql(self) -> str:
        """The whole text, without a semicolon."""
        if not self.ctes:
            return self.select
        bodies = [f"{name} AS (\n{_indented(text)}\n)" for name, text in self.ctes.items()]
        return "WITH " + ",\n\n".join(bodies) + f"\n\n{self.select}"

    def first(self, rows: int) -> "Compiled":
        """Return the same query with a limit."""
        return Compiled(self.ctes, f"{self.select}\nLIMIT {rows}", self.params)

    @property
    def script(self) -> str:
        """The text with its values as literals, for a shell that binds no parameters."""

        def literal(match: re.Match[str]) -> str:
            return match[0] if match[1] is None else _literal(self.params[match[1]])

        return f"{_PARAMETER.sub(literal, self.sql)};"


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    return str(value) if isinstance(value, int | float) else quoted(value)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else line for line in text.split("\n"))


@dataclass
class _Values:
    """The values that a text binds, each of them once."""

    params: dict[str, object] = field(default_factory=dict)
    _names: dict[tuple[str, type, object], str] = field(default_factory=dict)

    def bind(self, stem: str, value: object) -> str:
        """Return the `$parameter` of a value."""
        key = (stem, type(value), value)
        if key not in self._names:
            number = sum(other == stem for other, _, _ in self._names) + 1
            self._names[key] = f"{stem}_{number}"
            self.params[self._names[key]] = value
        return f"${self._names[key]}"


def compile_query(tree: Resolved, columns: Mapping[str, str]) -> Compiled:
    """Return the SQL for the distinct `image_id` of the images that a resolved query holds for.

    `columns` are those of `images` with their types; QueryError where it lacks a field of the tree,
    or where a query has too many conditions for an engine to plan.
    """
    tree = _merged(tree)
    parts: list[Shown | Compared] = list(leaves(tree))
    if len(parts) > _CONDITIONS:
        raise QueryError(
            f"the query has {len(parts):,} conditions, {_CONDITIONS:,} at most can be answered: "
            "name the values of a field in one IN (…)"
        )
    _check_fields(parts, columns)
    values = _Values()
    if isinstance(tree, Shown):
        distinct = "DISTINCT " if len(tree.findings) > 1 else ""
        condition = _indented(condition_on_postings(tree, values))
        text = f"SELECT {distinct}image_id\nFROM postings\nWHERE\n{condition}"
        return Compiled({}, text, values.params)
    flags: dict[Shown, str] = {}
    for leaf in parts:
        if isinstance(leaf, Shown):
            flags.setdefault(leaf, f"shows_{len(flags) + 1}")
    ctes = {"shown": _shown(flags, values)} if flags else {}
    whole = not flags or _possible(tree)
    source = "FROM images" if whole else "FROM shown"
    if flags and whole:
        source += "\nLEFT JOIN shown USING (image_id)"
    elif any(isinstance(leaf, Compared) for leaf in parts):
        source += "\nINNER JOIN images USING (image_id)" if flags else ""
    condition = _Condition(flags, values, may_be_absent=whole).of(tree)
    return Compiled(
        ctes, f"SELECT image_id\n{source}\nWHERE\n{_indented(condition)}", values.params
    )


def condition_on_postings(shown: Shown, values: _Values | None = None) -> str:
    """Return the condition for the postings that show a finding in its places."""
    values = values if values is not None else _Values()
    parts = [_one_of("finding", shown.findings, values)]
    for place in shown.places:
        words = [values.bind("place", word) for word in place]
        parts.append(_any_of([f"list_contains(localizations, {word})" for word in words]))
    line = " AND ".join(parts)
    return line if len(line) <= _LINE and "\n" not in line else "\nAND ".join(parts)


def _one_of(column: str, words: Iterable[object], values: _Values) -> str:
    names = [values.bind(column, word) for word in words]
    if not names:
        return "FALSE"
    return f"{column} = {names[0]}" if len(names) == 1 else f"{column} IN ({_listed(names)})"


def _any_of(conditions: Sequence[str]) -> str:
    """Return conditions joined by OR, in brackets where they are several."""
    if len(conditions) == 1:
        return conditions[0]
    line = " OR ".join(conditions)
    return _bracketed(line if len(line) <= _LINE else "\nOR ".join(conditions))


def _listed(names: Sequence[str]) -> str:
    """Return names with commas, each on a line of its own where they are many."""
    if len(names) <= _LIST:
        return ", ".join(names)
    lines = ",\n".join(names)
    return f"\n{_indented(lines)}\n"


def _shown(flags: Mapping[Shown, str], values: _Values) -> str:
    """Return the CTE with one row per image of the findings, and what of the query it shows."""
    lines = []
    for leaf, name in flags.items():
        condition = condition_on_postings(leaf, values)
        text = f"bool_or({condition})"
        if leaf.places:  # unknown where an image has no list of localizations
            text = f"coalesce(bool_or(\n{_indented(condition)}\n), FALSE)"
        lines.append(_indented(f"{text} AS {name},"))
    findings = sorted({finding for leaf in flags for finding in leaf.findings})
    where = _one_of("finding", findings, values)
    return "\n".join(
        ["SELECT", "    image_id,", *lines, "FROM postings", f"WHERE {where}", "GROUP BY image_id"]
    )


def _merged(tree: Resolved) -> Resolved:
    """Return a tree in which findings in the same places, joined by OR, are one leaf."""
    if not isinstance(tree, Junction):
        return tree
    parts = [_merged(part) for part in tree.parts]
    if tree.word == "or":
        together: dict[tuple[tuple[str, ...], ...], set[str]] = {}
        for part in parts:
            if isinstance(part, Shown):
                together.setdefault(part.places, set()).update(part.findings)
        parts = [
            *(Shown(tuple(sorted(findings)), places) for places, findings in together.items()),
            *(part for part in parts if not isinstance(part, Shown)),
        ]
    return join(tree.word, tuple(parts))


def _possible(tree: Resolved) -> bool:
    """Tell whether a query may hold for an image that shows none of its findings."""
    if isinstance(tree, Shown):
        return False
    if isinstance(tree, Compared):
        return True
    if tree.word == "not":
        return not _certain(tree.parts[0])
    return (any if tree.word == "or" else all)(_possible(part) for part in tree.parts)


def _certain(tree: Resolved) -> bool:
    """Tell whether a query holds for every image that shows none of its findings."""
    if not isinstance(tree, Junction):
        return False
    if tree.word == "not":
        return not _possible(tree.parts[0])
    return (any if tree.word == "or" else all)(_certain(part) for part in tree.parts)


@dataclass
class _Condition:
    """Writes the condition of a tree; within NOT what is unknown is made false before."""

    flags: Mapping[Shown, str]
    values: _Values
    may_be_absent: bool

    def of(self, tree: Resolved, denied: bool = False) -> str:
        """Return the condition of a tree, over several lines where it is long."""
        if isinstance(tree, Shown):
            name = self.flags[tree]
            return f"coalesce({name}, FALSE)" if denied and self.may_be_absent else name
        if isinstance(tree, Compared):
            text = self._compared(tree)
            known = tree.operator.startswith("is ")
            return f"coalesce({text}, FALSE)" if denied and not known else text
        if tree.word == "not":
            inner = self.of(tree.parts[0], denied=True)
            if isinstance(tree.parts[0], Junction):
                inner = _bracketed(inner)
            return f"NOT {inner}"
        parts = [
            _bracketed(text) if isinstance(part, Junction) and part.word != "not" else text
            for part in tree.parts
            for text in [self.of(part, denied)]
        ]
        word = tree.word.upper()
        line = f" {word} ".join(parts)
        short = len(line) <= _LINE and "\n" not in line
        return line if short else f"\n{word} ".join(parts)

    def _compared(self, tree: Compared) -> str:
        column = f"images.{identifier(tree.field)}"
        if tree.kind == "length":
            column = f"array_length({column})"
        if tree.operator.startswith("is "):
            return f"{column} {tree.operator.upper()}"
        words = [self.values.bind(tree.kind, value) for value in tree.values]
        if tree.kind == "date":
            words = [f"CAST({word} AS DATE)" for word in words]
        if tree.operator.endswith("in"):
            return f"{column} {tree.operator.upper()} ({', '.join(words)})"
        return f"{column} {tree.operator} {words[0]}"


def _bracketed(text: str) -> str:
    return f"(\n{_indented(text)}\n)" if "\n" in text else f"({text})"


def _check_fields(parts: Iterable[Shown | Compared], columns: Mapping[str, str]) -> None:
    for leaf in parts:
        if isinstance(leaf, Compared) and (
            leaf.field not in columns or leaf.operator not in _OPERATORS
        ):
            raise QueryError(
                f"the query compares {leaf.field} ({leaf.operator}), which the images of this store"
                " don't have: index the label file that it was written for"
            )
