"""Pairs of findings: those that occur together, and whether chance explains it.

Labels belong to a report, and so to a study: images of a study are one observation said again, and
p over images is far too small. So studies are counted unless asked otherwise. Those of one patient
still depend on each other, and p is an order rather than a proof. Patients don't, but one who has
more films has more of every finding, and may have had the two at different times.

Units with a finding that tells what is seen are the population: normal is one, exclude and
unchanged are none.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import floor
from typing import TYPE_CHECKING

from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.errors import CxrError
from cxr_duck.index.pure import is_pure
from cxr_duck.store.store import Store
from cxr_duck.terms.lookup import filled_classes, unknown_finding
from cxr_duck.terms.stored import open_hierarchy

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow

    Logarithms = npt.NDArray[np.float64]

__all__ = ["UNITS", "Pairs", "find_pairs", "pairs_of_term", "probability_text"]

UNITS = ("image", "study", "patient")


@dataclass(frozen=True)
class Pairs:
    """The findings beside a finding, or beside those below a term.

    `unit` is what was counted: image, study or patient; `observed` of them are in the index, and
    `asked` show the finding. `table` has one row per other finding, the strongest association
    first: `finding`; `images` with both; `together` and `total`, the units with both and with that
    finding; `lift`, P(both) / (P(asked) P(finding)); `p`, two-sided, of Fisher's exact test; `q`, p
    adjusted for the number of findings tested; and the logarithms of both, `log10_p` and `log10_q`.
    Where p or q is too small for a float it is 0, and its logarithm tells how small it is.
    """

    unit: str
    observed: int
    asked: int
    table: "pyarrow.Table" = field(repr=False)


def pairs_of_term(
    store: Store,
    term: str,
    hierarchy: str | os.PathLike[str] | None,
    unit: str,
    damaged: bool = False,
) -> Pairs:
    """Count the findings beside a finding or, with a hierarchy, beside those below its term."""
    engine = store.duckdb()
    findings = [term]
    if hierarchy is not None:
        name, _ = open_hierarchy(engine, hierarchy)
        findings = filled_classes(engine, [term], name)[term]
    return find_pairs(engine, findings, unit, damaged)


def find_pairs(
    engine: DuckDBEngine, findings: Sequence[str], unit: str, damaged: bool = False
) -> Pairs:
    """Count the findings beside the given ones, and test each for independence."""
    if unit not in UNITS:
        raise CxrError(f"the unit {unit!r} can't be counted: take one of {', '.join(UNITS)}")
    if is_pure(engine):
        raise CxrError(
            "this index holds only images with exactly one finding, which no other stands beside: "
            "index the label file without --pure"
        )
    engine.put("asked_findings", "finding VARCHAR", [(finding,) for finding in findings])
    engine.make("observations", unit=unit, damaged=damaged)
    engine.make("pair_totals")
    ((observed, asked),) = engine.fetch("SELECT observed, asked FROM pair_totals")
    if not asked:
        if not engine.scalar("SELECT count(*) FROM postings WHERE finding = ?", findings[0]):
            raise unknown_finding(engine, findings[0])
        raise CxrError(
            f"{', '.join(findings)} can't be paired: an image with normal has no other finding, "
            "and exclude and unchanged say nothing of what is seen"
        )
    return Pairs(unit, observed, asked, _tested(engine.arrow("finding_pairs"), observed, asked))


def _tested(table: "pyarrow.Table", observed: int, asked: int) -> "pyarrow.Table":
    """Return the pairs with p and q and their logarithms, the strongest association first."""
    import numpy as np

    together, total = table["together"].to_numpy(), table["total"].to_numpy()
    log_p = np.array(
        [_log_p(int(k), observed, asked, int(n)) for k, n in zip(together, total, strict=True)],
        dtype=np.float64,
    )
    log_q = _adjusted(log_p)
    for name, values in (
        ("p", np.exp(log_p)),
        ("q", np.exp(log_q)),
        ("log10_p", log_p / np.log(10)),
        ("log10_q", log_q / np.log(10)),
    ):
        table = table.append_column(name, [values])
    return table.sort_by(
        [("log10_p", "ascending"), ("lift", "descending"), ("finding", "ascending")]
    )


def _log_p(together: int, observed: int, asked: int, total: int) -> float:
    """Return the natural logarithm of p for a pair.

    Given the four margins, the units with both are hypergeometric where nothing depends on
    anything. Two-sided, since a finding that shuns another is news too: twice the smaller tail.
    Each number of units with both is as likely as the one before times a ratio, so that the
    logarithms of these ratios add up to theirs, however small the probabilities are.
    """
    import numpy as np

    least, most = max(0, asked + total - observed), min(asked, total)
    before = np.arange(least, most, dtype=np.float64)
    ratios = (asked - before) * (total - before)
    ratios /= (before + 1) * (observed - asked - total + before + 1)
    likely = np.concatenate([[0.0], np.cumsum(np.log(ratios))])
    place = together - least
    tail = min(_log_sum(likely[: place + 1]), _log_sum(likely[place:]))
    return min(0.0, float(np.log(2)) + tail - _log_sum(likely))


def _log_sum(logarithms: "Logarithms") -> float:
    """Return the logarithm of the sum of numbers that are given by their logarithms."""
    import numpy as np

    largest = logarithms.max()
    return float(largest + np.log(np.exp(logarithms - largest).sum()))


def _adjusted(log_p: "Logarithms") -> "Logarithms":
    """Return the logarithms of q: of p after Benjamini and Hochberg."""
    import numpy as np

    order = np.argsort(log_p, kind="stable")
    ranks = np.arange(1, len(log_p) + 1)
    adjusted = log_p[order] + np.log(len(log_p) / ranks)
    adjusted = np.minimum.accumulate(adjusted[::-1])[::-1]
    log_q = np.empty_like(log_p)
    log_q[order] = np.minimum(0.0, adjusted)
    return log_q


def probability_text(log10: float) -> str:
    """Return a probability in three digits, such as 1.2e-412, given its decimal logarithm."""
    exponent = floor(log10)
    digits = f"{10 ** (log10 - exponent):.3g}"
    if digits == "10":
        digits, exponent = "1", exponent + 1
    return f"{digits}e{exponent}"
