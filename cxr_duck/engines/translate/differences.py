"""Finds SQL that Spark would answer differently from DuckDB, without an error.

A construct passes where both engines were seen to give the same for it; the rest is told. Lists are
taken to hold no NULL, as those of images do.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from cxr_duck.engines.translate.patterns import read_pattern
from cxr_duck.engines.translate.value_kinds import (
    NUMBERS,
    NUMERIC,
    kind_of,
    kind_of_items,
    tested_text,
)

if TYPE_CHECKING:
    from sqlglot import exp

__all__ = ["differences", "pattern_of"]

_Types = Mapping[str, str]

# Names of sqlglot's classes that mean the same to both engines whatever is in them.
_SAME = frozenset(
    """
    Subquery Union Except Intersect CTE With From Join Where Group Having Order Ordered Limit
    Distinct Window WindowSpec Filter Alias TableAlias Table Column Identifier Star Dot
    Literal Boolean Null Placeholder Parameter DataType Paren Tuple 
    And Or Not Is Exists Escape
    Add Mul Mod Neg Abs Floor Ceil Sqrt Least Greatest Coalesce Nullif Case If
    Contains Length StartsWith EndsWith Replace Translate StrPosition MD5 SHA2
    Array ArraySize ArrayFilter Transform Explode
    ArrayAppend ArrayPrepend
    Struct PropertyEQ MapFromEntries Bracket
    Count Min Max LogicalOr LogicalAnd RowNumber Rank DenseRank
    Year Month Day Quarter DayOfYear LastDay
    """.split()  # noqa: SIM905
)
_WHOLE = frozenset("TINYINT SMALLINT INT BIGINT".split())  # noqa: SIM905
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_DATES = {r"^[0-9]{8}$", r"^[0-9]{8}([.]0*)?$"}  # of a text that YYYY-MM-DD is made of
_WHOLE_TEXT = re.compile(r"[+-]?\d{1,9}")


def differences(tree: "exp.Expr", types: _Types) -> Iterator[str]:
    """Yield what in a tree Spark would answer otherwise, a few words each.

    Where the types of columns are given, a value of unknown kind doesn't become a text or a sum.
    """
    types = {name.lower(): kind for name, kind in types.items()}
    for node in tree.walk():
        rule = _RULES.get(type(node).__name__)
        if rule is not None:
            yield from rule(node, types)
        elif type(node).__name__ not in _SAME:
            yield f"{_called(node)}, which isn't known to give the same"


def pattern_of(node: "exp.Expr") -> str | None:
    """Return the regular expression of a function where it is written out, else None."""
    return _text(node.args.get("expression"))


def _text(node: "exp.Expr | None") -> str | None:
    """Return a text that is written out, in one piece or in several."""
    from sqlglot import exp

    if isinstance(node, exp.Literal) and node.is_string:
        return str(node.this)
    if isinstance(node, exp.Concat):
        parts = [_text(part) for part in node.expressions]
        return None if None in parts else "".join(part or "" for part in parts)
    return None


def _called(node: "exp.Expr") -> str:
    from sqlglot import exp

    if isinstance(node, exp.Func):
        return f"{node.name if isinstance(node, exp.Anonymous) else node.sql_name()}()".lower()
    return str(node.key.upper())


def _number(node: "exp.Expr | None") -> int | None:
    fixed = node is not None and node.key == "literal" and node.is_int
    return int(node.name) if node is not None and fixed else None


def _cast(node: "exp.Expr", types: _Types) -> Iterator[str]:
    source, target = kind_of(node.this, types), node.args["to"].this.name
    shown = node.args["to"].sql("duckdb")
    if target in _WHOLE:
        if source not in ("whole", "rounded", "truth") and not node.this.is_int:
            yield f"a cast to {shown} of what may have a fraction, or of a text"
    elif target == "DOUBLE":
        if source not in NUMERIC and not tested_text(node.this, NUMBERS):
            yield f"a cast to {shown} of a text that may be written 1d or 1_000"
    elif target == "DATE":
        text = _text(node.this)
        fits = _DATE.fullmatch(text) if text is not None else node.this.key == "placeholder"
        if not fits and source != "date" and not tested_text(node.this, _DATES):
            yield "a cast to DATE of a text that may be no YYYY-MM-DD"
    elif target in ("VARCHAR", "TEXT"):
        yield from _written(source, types, {"double", "list", "other"})
    elif target == "BOOLEAN":
        if source not in ("truth", "whole"):
            yield "a cast to BOOLEAN of a text"
    else:
        yield f"a cast to {shown}, which isn't known to give the same"


def _concat(node: "exp.Expr", types: _Types) -> Iterator[str]:
    for part in node.iter_expressions():
        if part.key != "null":
            yield from _written(kind_of(part, types), types, {"double", "other"})


def _list_as_text(node: "exp.Expr", types: _Types) -> Iterator[str]:
    yield from _written(kind_of_items(node.this, types), types, {"double", "list", "other"})


def _written(kind: str, types: _Types, differing: set[str]) -> Iterator[str]:
    """Tell what becomes a text that each engine writes in its way."""
    if kind in differing:
        yield f"a {kind} as a text, which each engine writes in its way"
    elif types and not kind:
        yield "what may be a number with a fraction as a text, which each engine writes in its way"


def _compared(node: "exp.Expr", types: _Types) -> Iterator[str]:
    """Tell where a comparison turns a text into a number or a date."""
    sides = list(node.iter_expressions())
    kinds = {kind_of(side, types) for side in sides}
    if "date" in kinds:
        fits, kind = _DATE, "date, which wants YYYY-MM-DD"
    elif kinds & NUMERIC:
        fits, kind = _WHOLE_TEXT, "number"
    elif "truth" in kinds:
        fits, kind = re.compile("true|false"), "truth"
    else:
        return
    for side in sides:
        text = _text(side)
        if (text is not None and not fits.fullmatch(text)) or (
            text is None and kind_of(side, types) == "text"
        ):
            yield f"a text compared with a {kind}"


def _divided(node: "exp.Expr", types: _Types) -> Iterator[str]:
    kinds = [kind_of(node.this, types), kind_of(node.expression, types)]
    if "decimal" in kinds and "double" not in kinds:
        yield "a division by or of a number with a point: write it 2e0 rather than 2.0"
    if node.key == "intdiv" and not {"whole", "rounded"} >= set(kinds):
        yield "// of what may have a fraction"


def _subtracted(node: "exp.Expr", types: _Types) -> Iterator[str]:
    if "date" in (kind_of(node.this, types), kind_of(node.expression, types)):
        yield "a difference of dates"


def _trimmed(node: "exp.Expr", _: _Types) -> Iterator[str]:
    if node.args.get("collation"):
        yield "trim() with a collation"


def _substring(node: "exp.Expr", _: _Types) -> Iterator[str]:
    if not _number(node.args.get("start")):
        yield "substr() from another place than a fixed one, counted from 1"


def _end_of_text(node: "exp.Expr", _: _Types) -> Iterator[str]:
    if _number(node.args.get("expression")) is None:
        yield f"{node.key}() of another length than a fixed one"


def _split(node: "exp.Expr", _: _Types) -> Iterator[str]:
    if not _text(node.args.get("delimiter")):
        yield f"{_called(node)} at what may be ''"


def _split_at_letter(node: "exp.Expr", _: _Types) -> Iterator[str]:
    at = node.args.get("expression")
    if at is not None and at.key != "chr" and not _text(at):
        yield "string_split() at what may be ''"


def _letter(node: "exp.Expr", _: _Types) -> Iterator[str]:
    code = _number(node.expressions[0]) if len(node.expressions) == 1 else None
    if code is None or not 0 < code < 256:
        yield "chr() of another number than one from 1 to 255"


def _like(node: "exp.Expr", _: _Types) -> Iterator[str]:
    text = _text(node.args.get("expression"))
    if (text is None or "\\" in text) and (node.parent is None or node.parent.key != "escape"):
        yield r"LIKE with a backslash, which Spark takes as a sign to escape"


def _pattern(node: "exp.Expr", _: _Types) -> Iterator[str]:
    text, options = pattern_of(node), node.args.get("flag") or node.args.get("parameters")
    if text is None:
        yield "a regular expression that isn't written out"
        return
    pattern = read_pattern(text)
    yield from pattern.differs
    if node.key in ("regexpextractall", "regexpreplace") and pattern.matches_nothing():
        yield "a regular expression that may match nothing"
    if node.key == "regexpreplace":
        yield from _replaced(node)
    elif options is not None:
        yield "a regular expression with options"
    group = node.args.get("group")
    fixed = _number(group) if group is not None else 0
    if fixed is None or (fixed > 0 and node.key == "regexpextractall"):
        yield f"{_called(node)} of a group that may be absent"


def _replaced(node: "exp.Expr") -> Iterator[str]:
    modifiers = _text(node.args.get("modifiers"))
    if modifiers != "g":
        yield "regexp_replace() without 'g', or with more: Spark replaces every match"
    new = _text(node.args.get("replacement"))
    if new is None or "\\" in new or "$" in new:
        yield r"regexp_replace() by what has \ or $"


def _collected(node: "exp.Expr", _: _Types) -> Iterator[str]:
    if node.this.key == "order":
        yield "list() with ORDER BY, whose order Spark loses"
    elif node.parent is None or node.parent.key not in _ORDERLESS:
        yield "list() without list_sort(), which has no order"


def _sorted(node: "exp.Expr", _: _Types) -> Iterator[str]:
    first = node.args.get("nulls_first")
    if first is not None and first.this is not False:
        yield "list_sort() with NULLS FIRST"


def _without_order(node: "exp.Expr", _: _Types) -> Iterator[str]:
    if node.parent is None or node.parent.key not in _ORDERLESS:
        yield f"{_called(node)} without list_sort(), which has no order"


def _joined_text(node: "exp.Expr", _: _Types) -> Iterator[str]:
    if node.this.key != "order":
        yield "string_agg() without ORDER BY, which has no order"


def _contains(node: "exp.Expr", _: _Types) -> Iterator[str]:
    if node.this.key == "array" and any(part.key == "null" for part in node.this.expressions):
        yield "list_contains() in a list that has NULL"


def _lambda(node: "exp.Expr", _: _Types) -> Iterator[str]:
    if len(node.expressions) != 1:
        yield "a lambda with a place, which Spark counts from 0"


def _select(node: "exp.Expr", _: _Types) -> Iterator[str]:
    stars = any(column.is_star for column in node.expressions)
    if stars and any(join.args.get("using") for join in node.args.get("joins") or ()):
        yield "* with USING, whose columns Spark puts first"
    if node.args.get("qualify") and stars:
        yield "SELECT * with QUALIFY, which leaves a column more"
    if node.args.get("distinct") and node.args["distinct"].args.get("on"):
        yield "DISTINCT ON"


def _sum(node: "exp.Expr", types: _Types) -> Iterator[str]:
    kind = kind_of(node.this, types)
    if kind in ("double", "decimal") or (types and not kind):
        yield "a sum of fractions, which depends on their order"


def _rounded(node: "exp.Expr", _: _Types) -> Iterator[str]:
    if node.args.get("decimals"):
        yield "round() to a number of digits"


_Rule = Callable[["exp.Expr", _Types], Iterator[str]]
_ORDERLESS = frozenset({"arraysort", "arraysize", "mapfromentries", "distinct", "arraydistinct"})
_RULES: dict[str, _Rule] = {
    "ArrayAgg": _collected,
    "ArrayContains": _contains,
    "ArrayDistinct": _without_order,
    "ArraySort": _sorted,
    "ArrayToString": _list_as_text,
    "Between": _compared,
    "Cast": _cast,
    "Chr": _letter,
    "Concat": _concat,
    "ConcatWs": _concat,
    "DPipe": _concat,
    "Div": _divided,
    "EQ": _compared,
    "GT": _compared,
    "GTE": _compared,
    "GroupConcat": _joined_text,
    "In": _compared,
    "IntDiv": _divided,
    "LT": _compared,
    "LTE": _compared,
    "Lambda": _lambda,
    "Left": _end_of_text,
    "Like": _like,
    "NEQ": _compared,
    "NullSafeEQ": _compared,
    "NullSafeNEQ": _compared,
    "RegexpExtract": _pattern,
    "RegexpExtractAll": _pattern,
    "RegexpLike": _pattern,
    "RegexpReplace": _pattern,
    "Right": _end_of_text,
    "Round": _rounded,
    "Select": _select,
    "Split": _split_at_letter,
    "SplitPart": _split,
    "Sub": _subtracted,
    "Substring": _substring,
    "Sum": _sum,
    "Trim": _trimmed,
    "TryCast": _cast,
}
