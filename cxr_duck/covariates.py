"""How classes and splits differ in what is no finding: age, projection, year, who labelled.

Whatever differs between classes is learned, and whatever differs between splits makes the test
another population than the one trained on. So each covariate's standardised difference is told
beside the one that chance alone gives, and how well a class is guessed without a pixel.

Between classes the images of all splits are compared, an image of several classes as one of each;
between splits the images of all classes. Unknown is a level like others; age and year are compared
where they are known, and that they are unknown as a covariate of its own. The images of the patient
are those in the store, in steps: of images and not of patients, like all others, since it is images
that a model sees and is tested on.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.pixel_free import Guess, guess_without_pixels
from cxr_duck.smd import chance_bound, effective_size, smd_of_counts, smd_of_values

if TYPE_CHECKING:
    import numpy
    import numpy.typing
    import pyarrow

    from cxr_duck.datasets import Dataset
    from cxr_duck.engines.engine import Engine
    from cxr_duck.store import Store

    Array = numpy.typing.NDArray[numpy.float64]
    Codes = numpy.typing.NDArray[numpy.int64]

__all__ = ["SMD_OF_NOTE", "Covariates", "Difference", "compare_covariates", "covariates_of"]

SMD_OF_NOTE = 0.1  # Austin 2009

# The covariates in the order in which they are told, with their columns in sql/query/examples.sql.
_NUMBERS = {"age": 5.0, "year": 1.0}  # and the steps of a guess
_COLUMNS = {
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


@dataclass(frozen=True)
class Covariates:
    """What tells the classes and the splits of a dataset apart, and what is odd in them.

    `between_classes` and `between_splits` have a row per covariate: of all pairs the one that
    differs most, one that is marked before any other. They are empty where there are no two.
    `suspect` is the number of blank films, all of whose pixels are the same, None where no file was
    tested. `other_labels` has for (class, other class) the number of images of the class, and not
    of the other, that carry a label of the other. Of `images` all that is known; `unknown` others
    are not in the store.
    """

    classes: tuple[str, ...]
    splits: tuple[str, ...]
    between_classes: tuple[Difference, ...]
    between_splits: tuple[Difference, ...]
    guess: Guess
    images: int
    unknown: int = 0
    suspect: int | None = None
    other_labels: dict[tuple[str, str], int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain values, for JSON."""
        return {
            "images": self.images,
            "unknown": self.unknown,
            "between_classes": [row.to_dict() for row in self.between_classes],
            "between_splits": [row.to_dict() for row in self.between_splits],
            "guess_without_pixels": self.guess.to_dict(),
            "suspect": self.suspect,
            "other_labels": [
                {"class": name, "other_class": other, "images": images}
                for (name, other), images in self.other_labels.items()
            ],
        }

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Return the differences as a table to print: its header, and a row per covariate.

        A star marks what is of note, with the pair where there are more than two.
        """
        parts = [
            (f"between {name}", {row.covariate: row for row in rows}, len(groups) > 2)
            for name, rows, groups in (
                ("classes", self.between_classes, self.classes),
                ("splits", self.between_splits, self.splits),
            )
            if rows
        ]
        header = ["differs in", *(word for title, _, _ in parts for word in (title, "chance"))]
        names = [
            name
            for covariate in _COLUMNS
            for name in (covariate, f"{covariate} unknown")
            if any(name in rows for _, rows, _ in parts)
        ]
        return header, [
            [name, *(c for _, rows, several in parts for c in _cells(rows.get(name), several))]
            for name in names
        ]

    def sentences(self) -> list[str]:
        """Return what is to be told beside the table."""
        told = []
        if any(row.marked for row in (*self.between_classes, *self.between_splits)):
            told.append(f"* more than {SMD_OF_NOTE}, and more than chance gives in 19 looks of 20")
        told.append(_guess_told(self.guess))
        if self.suspect:
            told.append(f"{self.suspect:,} images are blank: all their pixels are the same")
        told += [
            f"{images:,} images of {name} carry a label of {other}"
            for (name, other), images in self.other_labels.items()
        ]
        if self.unknown:
            told.append(f"{self.unknown:,} images are not in the store and not counted here")
        return told


def _cells(row: Difference | None, several: bool) -> list[str]:
    """Return the two cells of a difference; none where the covariate can't be compared."""
    if row is None:
        return ["", ""]
    star = " *" if row.marked else ""
    pair = f" {row.first}, {row.second}" if row.marked and several else ""
    chance = f"{row.chance:.3f}" if math.isfinite(row.chance) else "any"
    return [f"{row.smd:.3f}{star}{pair}", chance]


def _guess_told(guess: Guess) -> str:
    if guess.auc is None or guess.chance is None:
        return f"no guess without a pixel: {guess.reason}"
    low, high = guess.chance
    return (
        f"a guess without a pixel, by {', '.join(guess.by)}: AUC {guess.auc:.2f} on "
        f"{guess.tested} (chance {low:.2f} to {high:.2f})"
    )


def covariates_of(store: "Store", dataset: "Dataset") -> Covariates:
    """Return the covariates of a dataset, recorded or not, as far as the store has its images."""
    engine = DuckDBEngine(store.cursor()) if store.reads_locally else store.engine()
    recipe = dataset.recipe
    members = dataset.members.select(["class", "split", "image_id"])
    return compare_covariates(
        engine, members, list(recipe.classes), list(recipe.shares), recipe.classes
    )


def compare_covariates(
    engine: "Engine",
    members: "pyarrow.Table",
    classes: Sequence[str],
    splits: Sequence[str],
    findings: Mapping[str, Sequence[str]],
) -> Covariates:
    """Compare the classes and the splits of members: an Arrow table of class, split, image_id.

    A class is null where none is said; `classes` and `splits` give the order. `findings` has the
    labels of a class, as far as they are known. The relations compared_members, compared_findings,
    member_images and label_of_other_class stay on the engine.
    """
    import pyarrow.compute

    engine.put_arrow("compared_members", members)
    named = [(name, finding) for name, of_it in findings.items() for finding in of_it]
    engine.put("compared_findings", "class VARCHAR, finding VARCHAR", named)
    engine.make("member_images")
    examples = _Examples(engine.arrow("examples"), classes, splits)
    engine.gather("label_of_other_class")
    other_labels = engine.fetch(
        "SELECT class, other_class, count(*) FROM label_of_other_class "
        "GROUP BY class, other_class ORDER BY class, other_class"
    )
    tested = engine.scalar("SELECT count(*) FROM checks")
    return Covariates(
        classes=tuple(examples.classes),
        splits=tuple(examples.splits),
        between_classes=tuple(examples.differences("classes")),
        between_splits=tuple(examples.differences("splits")),
        guess=examples.guess(),
        images=examples.images,
        unknown=pyarrow.compute.count_distinct(members["image_id"]).as_py() - examples.images,
        suspect=engine.count("suspect_image") if tested else None,
        other_labels={(name, other): int(images) for name, other, images in other_labels},
    )


class _Examples:
    """The rows of sql/query/examples.sql as arrays (n,): values, or numbers of levels."""

    def __init__(
        self, table: "pyarrow.Table", classes: Sequence[str], splits: Sequence[str]
    ) -> None:
        import numpy

        self.numbers: dict[str, Array] = {}
        self.levels: dict[str, Codes] = {}
        for name, column in _COLUMNS.items():
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
            if looks:
                yield max(looks, key=lambda look: (look.marked, look.smd))

    def _names(self) -> list[str]:
        """Return the covariates in the order in which they are told."""
        names = (name for column in _COLUMNS for name in (column, f"{column} unknown"))
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
        for name in _COLUMNS:
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
