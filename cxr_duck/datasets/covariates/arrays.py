"""The examples of a dataset as arrays of covariates, and the difference of two groups in one."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from cxr_duck.datasets.covariates.pixel_free import Guess, guess_without_pixels
from cxr_duck.datasets.covariates.smd import (
    chance_bound,
    effective_size,
    smd_of_counts,
    smd_of_values,
)

if TYPE_CHECKING:
    import numpy
    import numpy.typing
    import pyarrow

    Array = numpy.typing.NDArray[numpy.float64]
    Codes = numpy.typing.NDArray[numpy.int64]

__all__ = ["COVARIATES", "SMD_OF_NOTE", "Difference", "Examples"]

SMD_OF_NOTE = 0.1  # Austin 2009

# The covariates in the order in which they are told, with their columns in
# sql/5_datasets/examples.sql.
_NUMBERS = {"age": 5.0, "year": 1.0}  # and the steps of a guess
COVARIATES = {
    "age": "age",
    "sex": "sex",
    "projection": "projection",
    "manufacturer": "manufacturer",
    "year": "year",
    "labelled by": "label_method",
    "images of the patient": "images_of_patient",
}
_NOT_SHOWN_BY_A_FILM = "images of the patient"


@dataclass(frozen=True)
class Difference:
    """How two classes or two splits differ in one covariate.

    `between` is classes or splits; `first` and `second` are the two that differ most. `smd` is the
    standardised mean difference, without a sign, in standard deviations, infinite where the two
    have nothing in common; `chance` is what chance alone exceeds in one look of 20 at groups of so
    many patients, infinite where they are too few for any difference to be above it.
    """

    covariate: str
    between: str
    first: str
    second: str
    smd: float
    chance: float

    @property
    def marked(self) -> bool:
        """Whether the difference is of note: above 0.1, and above chance."""
        return self.smd > max(SMD_OF_NOTE, self.chance)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain values, for JSON; None is infinite."""
        return {
            "covariate": self.covariate,
            "first": self.first,
            "second": self.second,
            "smd": self.smd if math.isfinite(self.smd) else None,
            "chance": self.chance if math.isfinite(self.chance) else None,
            "marked": self.marked,
        }


class Examples:
    """The rows of sql/5_datasets/examples.sql as arrays (n,): values, or numbers of levels."""

    def __init__(
        self, table: "pyarrow.Table", classes: Sequence[str], splits: Sequence[str]
    ) -> None:
        import numpy

        self.numbers: dict[str, Array] = {}
        self.levels: dict[str, Codes] = {}
        for name, column in COVARIATES.items():
            if name in _NUMBERS:
                self.numbers[name] = _values(table[column].combine_chunks())
                unknown = numpy.isnan(self.numbers[name])
                if unknown.any():
                    self.levels[f"{name} unknown"] = unknown.astype(numpy.int64)
            else:
                self.levels[name] = _numbered(table[column])[0]
        self.class_codes, self.classes = _numbered(table["class"], classes)
        self.split_codes, self.splits = _numbered(table["split"], splits)
        self.patients = _codes(table["patient_id"])[0]
        image_codes, image_ids = _codes(table["image_id"])
        self.images = len(image_ids)
        self.looks = 0
        # An image of several classes is one image of its split.
        cells = image_codes * max(1, len(self.splits)) + self.split_codes
        self.once = numpy.unique(cells, return_index=True)[1]

    def differences(self, between: str) -> Iterator[Difference]:
        """Yield the largest difference in each covariate, between all classes or all splits."""
        import numpy

        if between == "classes":
            groups = {n: numpy.flatnonzero(self.class_codes == n) for n in range(len(self.classes))}
            names = self.classes
        else:
            of_images = self.split_codes[self.once]
            groups = {n: self.once[of_images == n] for n in range(len(self.splits))}
            names = self.splits
        if len(groups) < 2:
            return
        for covariate in self._names():
            sides = [(names[n], *self._side(covariate, rows)) for n, rows in groups.items()]
            looks = [
                _look(covariate, between, one, other)
                for one, other in combinations(sides, 2)
                if one[2] and other[2]
            ]
            self.looks += len(looks)
            if looks:
                yield max(looks, key=lambda look: (look.marked, look.smd))

    def _names(self) -> list[str]:
        """Return the covariates in the order in which they are told."""
        names = (name for column in COVARIATES for name in (column, f"{column} unknown"))
        return [name for name in names if name in self.numbers or name in self.levels]

    def _side(self, covariate: str, rows: "Codes") -> tuple["Array", float]:
        """Return the known values or the counts of the levels of a group, and its size."""
        import numpy

        if covariate in self.levels:
            codes = self.levels[covariate]
            counts = numpy.bincount(codes[rows], minlength=int(codes.max()) + 1)
            return counts.astype(float), effective_size(self.patients[rows])
        values = self.numbers[covariate][rows]
        known = ~numpy.isnan(values)
        size = effective_size(self.patients[rows[known]]) if known.any() else 0.0
        # In order, since rows come in any: a sum of decimals is the same to the last digit.
        return numpy.sort(values[known]), size

    def guess(self) -> Guess:
        """Return how well the class is guessed from all that a film may show."""
        import numpy

        covariates = {}
        for name in COVARIATES:
            if name in _NUMBERS:
                steps = numpy.nan_to_num(self.numbers[name] // _NUMBERS[name], nan=-1e9)
                covariates[name] = numpy.unique(steps, return_inverse=True)[1]
            elif name != _NOT_SHOWN_BY_A_FILM:
                covariates[name] = self.levels[name]
        classed = self.class_codes >= 0
        return guess_without_pixels(
            {name: codes[classed] for name, codes in covariates.items()},
            self.class_codes[classed],
            self.split_codes[classed],
            self.patients[classed],
            self.classes,
            self.splits,
        )


def _look(
    covariate: str,
    between: str,
    one: tuple[str, "Array", float],
    other: tuple[str, "Array", float],
) -> Difference:
    """Return the difference of two groups: their names, values or counts, and sizes."""
    if covariate in _NUMBERS:
        smd, levels = smd_of_values(one[1], other[1]), 2
    else:
        smd, levels = smd_of_counts(one[1], other[1]), int(((one[1] + other[1]) > 0).sum())
    chance = chance_bound(levels, one[2], other[2])
    return Difference(covariate, between, one[0], other[0], smd, chance)


def _values(array: "pyarrow.Array") -> "Array":
    """Return the whole numbers of a column as floats, NaN where there is none.

    Read from its buffers, since Arrow's own way imports pandas where that is installed.
    """
    import numpy

    known, data = array.buffers()
    there = slice(array.offset, array.offset + len(array))
    values = numpy.frombuffer(data or b"", str(array.type))[there].astype(float)
    if array.null_count:
        bits = numpy.unpackbits(numpy.frombuffer(known, numpy.uint8), bitorder="little")
        values[bits[there] == 0] = numpy.nan
    return values


def _codes(column: "pyarrow.ChunkedArray") -> tuple["Codes", list[str]]:
    """Return a number for each text of a column, (n,), and the texts; the last number is null."""
    import numpy

    encoded = column.combine_chunks().dictionary_encode()
    words: list[str] = encoded.dictionary.to_pylist()
    codes = numpy.nan_to_num(_values(encoded.indices), nan=len(words))
    return codes.astype(numpy.int64), words


def _numbered(
    column: "pyarrow.ChunkedArray", order: Sequence[str] = ()
) -> tuple["Codes", list[str]]:
    """Return each row's place among the names that occur, those of `order` first; -1 is null."""
    import numpy

    codes, words = _codes(column)
    names = [name for name in order if name in words]
    names += sorted(set(words) - set(names))
    places = numpy.array([*(names.index(word) for word in words), -1], dtype=numpy.int64)
    return places[codes], names
