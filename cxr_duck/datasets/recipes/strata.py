"""Columns of `images` by which a recipe stratifies splits or matches classes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxr_duck.engines.sql_text import identifier
from cxr_duck.errors import RecipeError
from cxr_duck.spelling import did_you_mean

if TYPE_CHECKING:
    from cxr_duck.engines.engine import Engine

__all__ = ["Column", "check_columns", "column_of", "put_combinations", "put_strata"]

_NUMBER = re.compile(r"U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL\(.*\)")
_BROKEN = re.compile(r"FLOAT|DOUBLE|DECIMAL\(.*\)")
_SPEC = re.compile(r"(\w+)(?::([1-9]\d{0,8}))?")
_OF_ONE_IMAGE = ("image_id", "patient_id", "study_id", "report_id", "path", "source_row")
_MOST_VALUES = 500  # of the columns to stratify by: each is a sum to keep near
_YEAR = ("year", "study_date")  # what users call it, and the column


@dataclass(frozen=True)
class Column:
    """A column, and the width of the steps that its numbers are taken in."""

    name: str
    step: int = 1

    @property
    def told(self) -> str:
        """The column as a user writes it: age:5."""
        return self.name if self.step == 1 else f"{self.name}:{self.step}"


def column_of(option: str) -> Column:
    """Return the column that an option such as `age:5` or `sex` names; RecipeError where none."""
    match = _SPEC.fullmatch(option.strip())
    if match is None:
        raise RecipeError(
            "stratify and match take a column of images, with a step after it where it has "
            f"numbers, such as sex or age:5, not {option!r}"
        )
    return Column(match[1], int(match[2] or 1))


def check_columns(engine: "Engine", key: str, options: Sequence[str]) -> None:
    """Raise RecipeError where a column isn't one of `images` that groups them."""
    known = engine.columns("images")
    columns = [_actual(column_of(option).name) for option in options]
    for option, column in zip(options, columns, strict=True):
        name, step = column_of(option).name, column_of(option).step
        if column not in known:
            hint = did_you_mean(
                name, [*known, _YEAR[0]], "'cxr sql \"DESCRIBE images\"' lists them"
            )
            raise RecipeError(f"{key}: images has no column {name!r}: {hint}")
        if column in _OF_ONE_IMAGE or known[column].endswith("]"):
            raise RecipeError(f"{key}: the column {name} doesn't group images: take another one")
        if step > 1 and not _has_steps(known[column]):
            raise RecipeError(f"{key}: {name} has no numbers, so it takes no step: {option!r}")
        if step == 1 and _BROKEN.fullmatch(known[column]):
            raise RecipeError(f"{key}: {name} has fractions: give it a step, such as {name}:10")
        if columns.count(column) > 1:
            raise RecipeError(f"{key}: the column {name} is given twice")


def put_strata(engine: "Engine", options: Sequence[str]) -> None:
    """Make image_strata, (image_id, stratum): the values of each image, such as `age 60 to 69`."""
    check_columns(engine, "stratify", options)
    engine.put("image_strata", "image_id VARCHAR, stratum VARCHAR", [])
    for option in options:
        value = _value(engine, column_of(option))
        engine.append("image_strata", f"SELECT image_id, {value} AS stratum FROM images")
    values = 0
    if options:
        values = int(engine.scalar("SELECT count(DISTINCT stratum) FROM image_strata"))
    if values > _MOST_VALUES:
        raise RecipeError(
            f"stratify: {', '.join(options)} have {values:,} values, more than the {_MOST_VALUES} "
            "that can be kept near their shares: take larger steps, such as age:10"
        )


def put_combinations(engine: "Engine", options: Sequence[str]) -> None:
    """Make image_combinations, (image_id, combination): all values of an image, as one text."""
    check_columns(engine, "match", options)
    engine.put("image_combinations", "image_id VARCHAR, combination VARCHAR", [])
    if options:
        values = ", ', ', ".join(_value(engine, column_of(option)) for option in options)
        engine.append(
            "image_combinations", f"SELECT image_id, concat({values}) AS combination FROM images"
        )


def _actual(name: str) -> str:
    return _YEAR[1] if name == _YEAR[0] else name


def _has_steps(kind: str) -> bool:
    return kind == "DATE" or kind.startswith("TIMESTAMP") or bool(_NUMBER.fullmatch(kind))


def _value(engine: "Engine", column: Column) -> str:
    """Return the SQL of a value: numbers in steps, dates by year, unknown where there is none."""
    name = identifier(_actual(column.name))
    kind = engine.columns("images")[_actual(column.name)]
    if not _has_steps(kind):
        return f"concat('{column.name} ', coalesce(CAST({name} AS VARCHAR), 'unknown'))"
    number = name if _NUMBER.fullmatch(kind) else f"year({name})"
    first = f"CAST(floor({number} / {column.step}) * {column.step} AS BIGINT)"
    text = f"CAST({first} AS VARCHAR)"
    if column.step > 1:
        last = f"CAST({first} + {column.step - 1} AS VARCHAR)"
        text = f"concat({text}, ' to ', {last})"
    return f"CASE WHEN {name} IS NULL THEN '{column.name} unknown' " + (
        f"ELSE concat('{column.name} ', {text}) END"
    )
