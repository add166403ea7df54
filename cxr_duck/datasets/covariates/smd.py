"""Standardised mean differences of two groups, and those that chance alone gives.

A standardised mean difference doesn't grow with the number of images, as a p value does, and one
unit fits age and projection alike. Above 0.1 a difference is taken to matter (Austin, Statistics in
Medicine 28, 2009, 3083-3107). With few images chance gives that much, so its bound stands beside.

Groups are numpy arrays: values (n,), NaN where unknown, or the counts of the levels (k,).
"""

import math
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy
    import numpy.typing

    Array = numpy.typing.NDArray[numpy.float64]

__all__ = ["chance_bound", "chi_square_95", "effective_size", "smd_of_counts", "smd_of_values"]

_TERMS = 10_000  # of a series that ends after a few hundred
_STEPS = 100  # of Newton's method, which needs a handful


def smd_of_values(first: "Array", second: "Array") -> float:
    """Return |m1 - m2| / sqrt((v1 + v2) / 2) of two groups' known values, in standard deviations.

    v are the variances over n - 1. It is infinite where no value varies and the means differ.
    """
    distance = abs(float(first.mean()) - float(second.mean()))
    spread = math.sqrt((_variance(first) + _variance(second)) / 2)
    if not spread:
        return math.inf if distance else 0.0
    return distance / spread


def _variance(values: "Array") -> float:
    return float(values.var(ddof=1)) if values.size > 1 else 0.0


def smd_of_counts(first: "Array", second: "Array") -> float:
    """Return the standardised difference of two groups in a covariate with levels.

    That is sqrt((p - q)' S^-1 (p - q)): p and q are the shares of all levels but one, S the mean of
    their multinomial covariances (Yang and Dalton, SAS Global Forum 2012, paper 335). Levels that
    neither group has don't count; it is infinite where the groups have no level in common.
    """
    import numpy

    there = (first + second) > 0
    p, q = (group[there] / group.sum() for group in (first, second))
    if not (p * q).any():
        return math.inf
    p, q = p[:-1], q[:-1]
    covariance = (numpy.diag(p) - numpy.outer(p, p) + numpy.diag(q) - numpy.outer(q, q)) / 2
    return math.sqrt(max(0.0, float((p - q) @ numpy.linalg.solve(covariance, p - q))))


def chance_bound(levels: int, first: float, second: float) -> float:
    """Return the difference that chance alone exceeds once in 20 looks.

    `levels` are those that occur in either group, 2 for a number; `first` and `second` are the
    groups' effective sizes. With c = chi^2 (0.95, levels - 1) * (1 / first + 1 / second) that is
    sqrt(c) for groups of any size to speak of, and sqrt(c / (1 - c / 4)) for all: the variance
    within groups, which the difference is measured in, shrinks as they part, and in units of the
    variance over both the square of a difference is at most 4. From c = 4 on it is infinite: no
    difference of groups so small is above chance. The bound is that of one look; of 20 looks one
    exceeds it.
    """
    c = chi_square_95(levels - 1) * (1 / first + 1 / second)
    return math.sqrt(c / (1 - c / 4)) if c < 4 else math.inf


def effective_size(patients: "numpy.typing.NDArray[numpy.int64]") -> float:
    """Return the number of patients that a group of images is worth; `patients` has one a row.

    That is (sum n)^2 / sum n^2 over the images n of each patient (Kish, Survey Sampling, 1965): the
    number of images where each patient has one. It takes a patient's images to be all alike, as
    they are in sex; in what differs between them, such as the projection, it is too small, and the
    bound of chance too wide.
    """
    import numpy

    images = numpy.bincount(patients).astype(float)
    return float(images.sum() ** 2 / (images**2).sum())


@cache
def chi_square_95(degrees: int) -> float:
    """Return the 0.95 quantile of the chi-square distribution; 0 with no degree of freedom.

    Newton's method on the regularised incomplete gamma function, from the estimate of Wilson and
    Hilferty (1931).
    """
    if degrees < 1:
        return 0.0
    ninth = 2 / (9 * degrees)
    x = degrees * (1 - ninth + 1.6448536 * math.sqrt(ninth)) ** 3
    half = degrees / 2
    for _ in range(_STEPS):
        density = math.exp((half - 1) * math.log(x / 2) - x / 2 - math.lgamma(half)) / 2
        step = (_incomplete_gamma(half, x / 2) - 0.95) / density
        x -= step
        if abs(step) < 1e-12 * x:
            break
    return x


def _incomplete_gamma(a: float, x: float) -> float:
    """Return P(a, x), the regularised lower incomplete gamma function, by its power series."""
    term = total = 1.0
    for n in range(1, _TERMS):
        term *= x / (a + n)
        total += term
        if term < 1e-16 * total:
            break
    return total * math.exp(a * math.log(x) - x - math.lgamma(a + 1))
