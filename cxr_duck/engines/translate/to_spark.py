"""Translates a stage from DuckDB SQL to Spark SQL, by sqlglot.

What Spark would answer otherwise without an error is refused here: `differences.py` finds it.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from cxr_duck.engines.translate.differences import differences, pattern_of
from cxr_duck.engines.translate.patterns import read_pattern
from cxr_duck.errors import StageError

if TYPE_CHECKING:
    from sqlglot import exp

__all__ = ["relations_in", "silent_differences", "translated"]

_TOO_DEEP = "it has more conditions within each other than can be translated to Spark"

# What DuckDB's trim() takes off where it is not told what: Unicode's space separators.
_SPACES = (
    "\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u202f\u205f\u3000"
)


def translated(
    sql: str, name_of: Callable[[str], str] = str, columns: Mapping[str, str] | None = None
) -> str:
    """Return DuckDB SQL as Spark SQL.

    A relation that is no CTE of the text gets the name that `name_of` returns, which may have dots.
    `$name` becomes `:name`, `?` stays. `columns` are as in `silent_differences`. Raises StageError
    where the text can't be translated, or where Spark would answer otherwise.
    """
    names = tuple((name, name_of(name)) for name in sorted(relations_in(sql)))
    return _carried(sql, names, tuple(sorted((columns or {}).items())))


def silent_differences(sql: str, columns: Mapping[str, str] | None = None) -> list[str]:
    """Return what in a query or a condition Spark would answer otherwise, a few words each.

    `columns` are the types, as DuckDB spells them, of columns that the text names; where a type
    isn't known, what would differ for some types only is taken for the same. Raises StageError for
    what can't be parsed.
    """
    types = tuple(sorted((columns or {}).items()))
    return list(_differences(sql, types))


@lru_cache(maxsize=1024)
def relations_in(sql: str) -> frozenset[str]:
    """Return the names of the relations that a text reads, as written, without its CTEs."""
    return frozenset(_name(table) for table in _relations(_parsed(sql)))


@lru_cache(maxsize=1024)
def _differences(sql: str, types: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    import sqlglot

    try:
        found = dict.fromkeys(differences(_parsed(sql), dict(types)))
    except RecursionError as error:
        raise StageError(_TOO_DEEP, _TOO_DEEP) from error
    if any(token.text == "~" for token in sqlglot.tokenize(sql, read="duckdb")):
        found["~, which asks for the whole text in some versions of DuckDB"] = None
    return tuple(found)


@lru_cache(maxsize=1024)
def _carried(
    sql: str, names: tuple[tuple[str, str], ...], types: tuple[tuple[str, str], ...]
) -> str:
    import sqlglot

    if found := _differences(sql, types):
        raise StageError(f"Spark would answer otherwise: {'; '.join(found)}")
    tree = _parsed(sql).copy()
    _rename(tree, dict(names))
    _adapt(tree)
    try:
        return str(tree.sql("spark", unsupported_level=sqlglot.ErrorLevel.RAISE))
    except RecursionError as error:
        raise StageError(_TOO_DEEP, _TOO_DEEP) from error
    except sqlglot.errors.SqlglotError as error:
        raise StageError(f"Spark can't run this SQL: {_first_line(error)}") from error


@lru_cache(maxsize=1024)
def _parsed(sql: str) -> "exp.Expr":
    """Return the tree of a text, which nobody may change."""
    import sqlglot

    try:
        return sqlglot.parse_one(sql, read="duckdb")
    except RecursionError as error:
        raise StageError(_TOO_DEEP, _TOO_DEEP) from error
    except sqlglot.errors.SqlglotError as error:
        raise StageError(f"this SQL can't be read: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["no message"])[0]


def _relations(tree: "exp.Expr") -> list["exp.Table"]:
    """Return the tables of a tree that are none of its CTEs."""
    from sqlglot import exp

    return [table for table in tree.find_all(exp.Table) if table.name and not _is_cte(table)]


def _is_cte(table: "exp.Table") -> bool:
    """Tell whether a name is that of a CTE that can be seen where it stands."""
    from sqlglot import exp

    node: exp.Expr | None = None if table.db else table
    while node is not None:
        inner, node = node, node.parent
        if isinstance(node, exp.With):
            # A CTE sees those before it, and itself where they are recursive.
            end = None if node.recursive else node.expressions.index(inner)
            seen, node = node.expressions[:end], node.parent
        else:
            seen = node.args["with_"].expressions if node and node.args.get("with_") else []
        if table.name in {cte.alias for cte in seen}:
            return True
    return False


def _name(table: "exp.Table") -> str:
    return ".".join(part.name for part in table.parts)


def _rename(tree: "exp.Expr", names: Mapping[str, str]) -> None:
    """Give relations their names, and each the alias that the text calls it by.

    Without one, Spark reads FROM images WHERE (frontal) as images called `where`.
    """
    from sqlglot import exp

    relations = {id(table) for table in _relations(tree)}
    for table in tree.find_all(exp.Table):
        if not table.name:
            continue
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
        if id(table) in relations and (new := names[_name(table)]) != _name(table):
            parts = [exp.to_identifier(part, quoted=True) for part in new.split(".")]
            for place, key in enumerate(("this", "db", "catalog")):
                table.set(key, parts[-1 - place] if place < len(parts) else None)


def _adapt(tree: "exp.Expr") -> None:
    """Write out what DuckDB means where sqlglot takes a function over by its name."""
    from sqlglot import exp

    for node in list(tree.find_all(exp.Trim, exp.Substring, *_pattern_classes())):
        if isinstance(node, exp.Trim):
            if node.expression is None:
                node.set("expression", exp.Literal.string(_SPACES))
                node.set("position", node.args.get("position") or "BOTH")
        elif isinstance(node, exp.Substring):
            length = node.args.get("length")
            if length is not None and not length.is_int:
                _adapt_substring(node, length)
        elif (text := pattern_of(node)) is not None:
            node.set("expression", exp.Literal.string(read_pattern(text).java))


def _adapt_substring(node: "exp.Substring", length: "exp.Expr") -> None:
    """Let a negative length take what stands before the start, as DuckDB does."""
    from sqlglot import exp

    text, before = node.this, int(node.args["start"].name) - 1
    end = exp.Least(this=exp.Length(this=text.copy()), expressions=[exp.Literal.number(before)])
    start = exp.Greatest(
        this=exp.Add(this=end.copy(), expression=exp.Paren(this=length.copy())),
        expressions=[exp.Literal.number(0)],
    )
    backwards = exp.Substring(
        this=text.copy(),
        start=exp.Add(this=start, expression=exp.Literal.number(1)),
        length=exp.Sub(this=end, expression=start.copy()),
    )
    forwards = exp.Substring(
        this=text.copy(), start=node.args["start"].copy(), length=length.copy()
    )
    negative = exp.LT(this=exp.Paren(this=length.copy()), expression=exp.Literal.number(0))
    node.replace(exp.If(this=negative, true=backwards, false=forwards))


def _pattern_classes() -> tuple[type["exp.Expr"], ...]:
    from sqlglot import exp

    return (exp.RegexpLike, exp.RegexpExtract, exp.RegexpExtractAll, exp.RegexpReplace)
