"""The fields of a query: columns of `images`, and values of their types."""

import re
from datetime import date
from math import isfinite

from cxr_duck.engines.engine import Engine
from cxr_duck.engines.sql_text import identifier
from cxr_duck.errors import QueryError
from cxr_duck.query.mistakes import pictured
from cxr_duck.query.tree import Compared, Comparison, Word
from cxr_duck.spelling import did_you_mean, nearest_words

__all__ = ["Fields"]

_FEW = 50  # distinct values of a text column, up to which one that no image has is refused
_WHOLE = re.compile(r"U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)")
_BROKEN = re.compile(r"FLOAT|DOUBLE|DECIMAL\(.*\)")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_EXAMPLES = {
    "number": ">= 18",
    "date": "< 2012-01-31",
    "text": "= …",
    "length": ">= 1",
    "truth": "= true",
    "other": "IS NOT NULL",
}


class Fields:
    """The columns of `images` in a store, and what may be compared to them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.columns = engine.columns("images")

    def find(self, word: Word) -> str | None:
        """Return the column that a word names, in large or small letters."""
        if word.text in self.columns:
            return word.text
        return next((c for c in self.columns if c.lower() == word.text.lower()), None)

    def kind(self, column: str) -> str:
        """Return what a column is compared as: text, number, date, truth, length or other."""
        type_name = self.columns[column]
        if type_name.endswith("]"):
            return "length"
        if _WHOLE.fullmatch(type_name) or _BROKEN.fullmatch(type_name):
            return "number"
        return {"VARCHAR": "text", "DATE": "date", "BOOLEAN": "truth"}.get(type_name, "other")

    def example(self, column: str) -> str:
        """Return a comparison with a column, as a user would write it."""
        return f"{column} {_EXAMPLES[self.kind(column)]}"

    def resolve(self, text: str, comparison: Comparison) -> Compared:
        """Return a comparison with a column and typed values; QueryError where one doesn't fit."""
        word = comparison.field
        column = self.find(word)
        if column is None:
            raise QueryError(pictured(text, word.start, self._unknown(word.text)))
        kind, operator = self.kind(column), comparison.operator
        if not comparison.values:
            return Compared(column, "any", operator)
        if kind == "other" or (kind == "truth" and operator[0] in "<>"):
            sentence = f"{column} can't be compared by {operator}: write {self.example(column)}"
            raise QueryError(pictured(text, word.start, sentence))
        values = []
        for value in comparison.values:
            if (typed := _typed(kind, value.text)) is None:
                raise QueryError(pictured(text, value.start, _misfit(column, kind, value.text)))
            values.append(typed)
            if kind == "text" and operator in ("=", "!=", "in", "not in"):
                self._refuse_unused(text, column, value)
        return Compared(column, kind, operator, tuple(values))

    def _unknown(self, name: str) -> str:
        hint = did_you_mean(name, self.columns, "'cxr sql \"DESCRIBE images\"' lists them")
        return f"images have no field {name!r}: {hint}"

    def _refuse_unused(self, text: str, column: str, value: Word) -> None:
        """Raise QueryError for a value that no image has, where a column has few of them."""
        named = identifier(column)
        if self._engine.fetch(f"SELECT 1 FROM images WHERE {named} = ? LIMIT 1", value.text):
            return
        used = [
            used
            for (used,) in self._engine.fetch(
                f"SELECT DISTINCT {named} FROM images WHERE {named} IS NOT NULL LIMIT {_FEW + 1}"
            )
        ]
        if len(used) > _FEW:
            return
        nearest = nearest_words(value.text, used)
        hint = f"did you mean {nearest[0]}? " if nearest else ""
        there = f"the values are {', '.join(sorted(used))}" if used else "it is unknown for all"
        sentence = f"no image has the {column} {value.text!r}: {hint}{there}"
        raise QueryError(pictured(text, value.start, sentence))


def _typed(kind: str, text: str) -> str | int | float | bool | None:
    """Return a value of a kind of column, None where the text is none."""
    if kind == "truth":
        return {"true": True, "false": False}.get(text.lower())
    if kind == "date":
        return _date(text)
    if kind == "text":
        return text
    if re.fullmatch(r"[+-]?\d{1,18}", text):
        return int(text)
    if kind == "number" and _NUMBER.fullmatch(text) and isfinite(number := float(text)):
        return number
    return None


def _date(text: str) -> str | None:
    try:
        return text if date.fromisoformat(text).isoformat() == text else None
    except ValueError:
        return None


def _misfit(column: str, kind: str, text: str) -> str:
    if kind == "truth":
        return f"{column} is true or false: {text!r} is neither"
    if kind == "date":
        return f"{column} is a date: {text!r} is none, write one as 2012-01-31"
    if kind == "length":
        return f"{column} is compared by how many there are: {text!r} is no whole number"
    return f"{column} is a number: {text!r} is none"
