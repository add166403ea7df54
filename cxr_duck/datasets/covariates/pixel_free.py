"""How well a class is guessed without a pixel, from age, sex and other covariates alone.

What tells the classes apart without a pixel a model may learn instead of the finding. The guess is
naive Bayes: the product of the shares that each level has in a class, one image more counted of
every level (Laplace). Age counts in steps of five years, and unknown is a level like the others.
How often the patient was filmed is left out: a film doesn't show it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from cxr_duck.datasets.covariates.smd import effective_size

if TYPE_CHECKING:
    import numpy
    import numpy.typing

    Array = numpy.typing.NDArray[numpy.float64]
    Codes = numpy.typing.NDArray[numpy.int64]

__all__ = ["AUC_OF_NOTE", "Guess", "guess_without_pixels"]

AUC_OF_NOTE = 0.55  # about what one normal covariate with a difference of 0.18 gives
_NORMAL_975 = 1.959964
_TRAIN = ("train", "training")


@dataclass(frozen=True)
class Guess:
    """The area under the curve of a guess without a pixel, and what chance gives.

    `auc` is that on all splits but the one it was `trained_on`, 0.5 where nothing is to be learned;
    `chance` are the ends of the interval in which chance alone puts it in 19 cases of 20. `by` are
    the covariates that were used. Without an `auc` the `reason` says why there is none.
    """

    auc: float | None = None
    chance: tuple[float, float] | None = None
    by: tuple[str, ...] = ()
    trained_on: str | None = None
    tested_on: tuple[str, ...] = ()
    reason: str = ""

    @property
    def marked(self) -> bool:
        """Whether the guess is of note: better than chance, and than 0.55."""
        return self.auc is not None and self.auc > max(AUC_OF_NOTE, (self.chance or (0, 1))[1])

    @property
    def tested(self) -> str:
        """The splits that it was tested on, in words."""
        *others, last = self.tested_on or ("",)
        return f"{', '.join(others)} and {last}" if others else last

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain values, for JSON."""
        return {
            "auc": self.auc,
            "chance": list(self.chance) if self.chance else None,
            "marked": self.marked,
            "by": list(self.by),
            "trained_on": self.trained_on,
            "tested_on": list(self.tested_on),
            "reason": self.reason or None,
        }


def guess_without_pixels(
    covariates: Mapping[str, "Codes"],
    classes: "Codes",
    splits: "Codes",
    patients: "Codes",
    class_names: Sequence[str],
    split_names: Sequence[str],
) -> Guess:
    """Guess the class of each image, by what the split to train on teaches; return how well.

    All arrays have one row per example, (n,): the number of its level, class, split and patient. It
    is trained on the split called train, else on the first, and tested on all others. Of several
    classes the area is the mean over their pairs (Hand and Till, Machine Learning 45, 2001,
    171-186). Ties count half.
    """
    import numpy

    if len(class_names) < 2 or len(split_names) < 2:
        kind, names = ("class", class_names) if len(class_names) < 2 else ("split", split_names)
        return Guess(
            reason=f"there is {'one' if names else 'no'} {kind}{' alone' if names else ''}"
        )
    train = next((name for name in split_names if name.lower() in _TRAIN), split_names[0])
    tested_on = tuple(name for name in split_names if name != train)
    training = splits == list(split_names).index(train)
    for rows, where in ((training, train), (~training, " and ".join(tested_on))):
        found = numpy.bincount(classes[rows], minlength=len(class_names))
        if not found.all():
            lacking = class_names[int(found.argmin())]
            return Guess(reason=f"{where} has no image of {lacking} that the store knows")
    scores = _scores(covariates.values(), classes, training, len(class_names))
    tested = classes[~training]
    pairs = list(combinations(range(len(class_names)), 2))
    areas = [_pair_area(scores, tested, one, other) for one, other in pairs]
    sizes = [effective_size(patients[~training][tested == n]) for n in range(len(class_names))]
    reach = _NORMAL_975 * sum(_chance_error(sizes[a], sizes[b]) for a, b in pairs) / len(pairs)
    return Guess(
        auc=sum(areas) / len(areas),
        chance=(max(0.0, 0.5 - reach), min(1.0, 0.5 + reach)),
        by=tuple(covariates),
        trained_on=train,
        tested_on=tested_on,
    )


def _scores(
    covariates: "Sequence[Codes] | Any", classes: "Codes", training: Any, number: int
) -> "Array":
    """Return the log odds of each class (number of test images, number of classes)."""
    import numpy

    taught = classes[training]
    counts = numpy.bincount(taught, minlength=number).astype(float)
    scores = numpy.tile(numpy.log(counts), (int((~training).sum()), 1))
    for codes in covariates:
        levels = int(codes.max()) + 1
        cells = numpy.bincount(taught * levels + codes[training], minlength=number * levels)
        shares = (cells.reshape(number, levels) + 1) / (counts[:, None] + levels)
        scores += numpy.log(shares).T[codes[~training]]
    odds = numpy.empty_like(scores)
    for n in range(number):
        others = numpy.delete(scores, n, axis=1)
        odds[:, n] = scores[:, n] - numpy.logaddexp.reduce(others, axis=1)
    return odds.round(9)  # what differs by rounding alone is a tie


def _pair_area(scores: "Array", classes: "Codes", one: int, other: int) -> float:
    """Return the mean area under both curves that tell one class from the other."""
    first, second = scores[classes == one], scores[classes == other]
    return (_area(first[:, one], second[:, one]) + _area(second[:, other], first[:, other])) / 2


def _area(own: "Array", others: "Array") -> float:
    """Return the chance that one of its own scores higher than one of the others."""
    import numpy

    ordered = numpy.sort(others)
    below = numpy.searchsorted(ordered, own, "left") + numpy.searchsorted(ordered, own, "right")
    return float(below.mean()) / (2 * ordered.size)


def _chance_error(first: float, second: float) -> float:
    """Return the standard error of an area of 0.5 (Hanley and McNeil, Radiology 143, 1982, 29-36).

    `first` and `second` are the classes' effective sizes. The mean over several pairs of classes
    has at most the mean of their errors.
    """
    return math.sqrt((first + second + 1) / (12 * first * second))
