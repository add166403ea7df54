"""The kind of value that an SQL expression gives, as far as its text tells."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp

__all__ = ["NUMBERS", "NUMERIC", "kind_of", "kind_of_items", "tested_text"]

NUMERIC = frozenset({"whole", "rounded", "decimal", "double"})

# Texts that both engines read as the same number, or as none: those that consist of these letters,
# with whatever between them; and parts of this form.
NUMBERS = frozenset({"^([0-9 .,eE-]|[+][0-9.])*$", "[0-9]+([.][0-9]+)?"})

_KINDS = {
    "whole": "Count Year Month Day Quarter DayOfYear RowNumber Rank DenseRank Length ArraySize "
    "StrPosition IntDiv",
    "rounded": "Floor Ceil Round",
    "double": "Sqrt Div",
    "text": "Concat ConcatWs DPipe Trim Substring Left Right Replace Translate RegexpExtract "
    "RegexpReplace ArrayToString MD5 SHA2 Chr GroupConcat SplitPart",
    "truth": "Boolean And Or Not Is In Between EQ NEQ GT GTE LT LTE NullSafeEQ NullSafeNEQ Like "
    "Contains StartsWith EndsWith RegexpLike ArrayContains LogicalOr LogicalAnd Exists",
    "list": "Array ArraySort ArrayDistinct ArrayFilter Transform ArrayAgg Split RegexpExtractAll "
    "ArrayAppend ArrayPrepend",
    "date": "LastDay",
    "other": "Struct MapFromEntries Interval",
}
_KIND_OF_CLASS = {name: kind for kind, names in _KINDS.items() for name in names.split()}
_SAME_AS_PARTS = frozenset("Add Sub Mul Mod Min Max Sum Coalesce Nullif Greatest Least".split())  # noqa: SIM905
_KIND_OF_TYPE = {
    **dict.fromkeys(
        "TINYINT SMALLINT INT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT".split(),  # noqa: SIM905
        "whole",
    ),
    **dict.fromkeys("FLOAT DOUBLE".split(), "double"),  # noqa: SIM905
    **dict.fromkeys("VARCHAR TEXT CHAR".split(), "text"),  # noqa: SIM905
    "DECIMAL": "decimal",
    "DATE": "date",
    "BOOLEAN": "truth",
    "ARRAY": "list",
    "LIST": "list",
}


def kind_of(node: "exp.Expr", types: Mapping[str, str]) -> str:
    """Return whole, rounded, decimal, double, text, date, truth, list, other, or '' for unknown.

    `types` are those of the columns, by their names in small letters. A text that is to be divided
    by a number is a number: `Div` is double.
    """
    from sqlglot import exp

    name = type(node).__name__
    if name in _KIND_OF_CLASS:
        return _KIND_OF_CLASS[name]
    if isinstance(node, exp.Literal):
        return _kind_of_literal(node)
    if isinstance(node, exp.Column):
        return _kind_of_type(types.get(node.name.lower(), ""))
    if isinstance(node, exp.Cast):  # and TryCast
        return _kind_of_type(node.args["to"].this.name)
    if isinstance(node, exp.Bracket):
        return kind_of_items(node.this, types)
    return _together(kind_of(part, types) for part in _values(node))


def kind_of_items(node: "exp.Expr", types: Mapping[str, str]) -> str:
    """Return the kind of what a list holds, or '' for unknown."""
    from sqlglot import exp

    if isinstance(node, exp.Column):
        return _kind_of_type(types.get(node.name.lower(), "").removesuffix("[]"))
    if isinstance(node, exp.Split | exp.RegexpExtractAll):
        return "text"
    if isinstance(node, exp.Array):
        return _together(kind_of(item, types) for item in node.expressions)
    if isinstance(node, exp.ArraySort | exp.ArrayDistinct | exp.ArrayFilter | exp.Paren):
        return kind_of_items(node.this, types)
    return ""


def _values(node: "exp.Expr") -> list["exp.Expr"]:
    """Return the parts of an expression one of which, or all together, it gives; or none."""
    name = type(node).__name__
    if name in ("Case", "If"):
        branches = [node, *node.args.get("ifs", [])]
        values = [
            branch.args.get(key) for branch in branches for key in ("true", "default", "false")
        ]
        return [value for value in values if value is not None and value.key != "null"]
    if name in ("Window", "Filter", "Paren", "Neg", "Abs"):
        return [node.this]
    return list(node.iter_expressions()) if name in _SAME_AS_PARTS else []


def _kind_of_literal(node: "exp.Literal") -> str:
    if node.is_string:
        return "text"
    if node.name.isdigit():
        return "whole"
    return "double" if "e" in node.name.lower() else "decimal"


def _kind_of_type(name: str) -> str:
    if not name:
        return ""
    if name.endswith("]"):
        return "list"
    return _KIND_OF_TYPE.get(name.partition("(")[0].upper(), "other")


def _together(kinds: Iterable[str]) -> str:
    """Return the kind of what is made of several."""
    found = set(kinds)
    if len(found) == 1:
        return found.pop()
    for kind in ("double", "decimal"):
        if kind in found and found <= NUMERIC:
            return kind
    return "rounded" if found == {"whole", "rounded"} else ""


def tested_text(node: "exp.Expr", patterns: Collection[str]) -> bool:
    """Tell whether a text has the form of one of some patterns, or is NULL.

    It is what such a pattern found, or stands in a CASE whose conditions test it. A condition may
    be a column that is defined elsewhere in the same query.
    """
    from sqlglot import exp

    if isinstance(node, exp.Literal):
        return any(re.search(pattern, node.name) for pattern in patterns if pattern[0] == "^")
    if isinstance(node, exp.RegexpExtract | exp.RegexpExtractAll):
        group = node.args.get("group")
        return node.expression.name in patterns and (group is None or group.name == "0")
    if isinstance(node, exp.Case):
        default = node.args.get("default")
        return node.this is None and all(
            [
                *(
                    _is_test(branch.this, patterns) or tested_text(branch.args["true"], patterns)
                    for branch in node.args["ifs"]
                ),
                default is None or tested_text(default, patterns),
            ]
        )
    if isinstance(node, exp.Column | exp.Identifier):
        within = node.find_ancestor(exp.Lambda)
        names = {name.name for name in within.expressions} if within is not None else set()
        looped = within.parent if within is not None and node.name in names else None
        return isinstance(looped, exp.Transform) and tested_text(looped.this, patterns)
    return isinstance(node, exp.Null)


def _is_test(condition: "exp.Expr", patterns: Collection[str]) -> bool:
    from sqlglot import exp

    if isinstance(condition, exp.RegexpLike):
        return condition.expression.name in patterns
    if isinstance(condition, exp.And):
        return any(_is_test(part, patterns) for part in (condition.left, condition.right))
    if isinstance(condition, exp.Paren):
        return _is_test(condition.this, patterns)
    if isinstance(condition, exp.Column):
        return any(
            _is_test(alias.this, patterns)
            for alias in condition.root().find_all(exp.Alias)
            if alias.alias == condition.name and not isinstance(alias.this, exp.Column)
        )
    return False
