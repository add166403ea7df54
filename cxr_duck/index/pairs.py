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
from importlib.util import find_spec
from typing import TYPE_CHECKING

from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.errors import CxrError
from cxr_duck.progress import SILENT, Progress
from cxr_duck.store.store import Store
from cxr_duck.terms.lookup import filled_classes, unknown_finding
from cxr_duck.terms.stored import open_hierarchy

if TYPE_CHECKING:
    import pyarrow

__all__ = ["UNITS", "Pairs", "find_pairs", "pairs_of_term"]

UNITS = ("image", "study", "patient")


@dataclass(frozen=True)
class Pairs:
    """The findings beside a finding, or beside those below a term.

    `unit` is what was counted: image, study or patient; `observed` of them are in the index, and
    `asked` show the finding. `table` has one row per other finding, the strongest association
    first: `finding`; `images` with both; `together` and `total`, the units with both and with that
    finding; `lift`, P(both) / (P(asked) P(finding)); `p`, two-sided, of Fisher's exact test; and
    `q`, p adjusted for the number of findings tested. `p` and `q` are null without scipy.
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
    progress: Progress = SILENT,
) -> Pairs:
    """Count the findings beside a finding or, with a hierarchy, beside those below its term."""
    engine = store.duckdb()
    findings = [term]
    if hierarchy is not None:
        name, _ = open_hierarchy(engine, hierarchy)
        findings = filled_classes(engine, [term], name)[term]
    return find_pairs(engine, findings, unit, progress)


def find_pairs(
    engine: DuckDBEngine, findings: Sequence[str], unit: str, progress: Progress = SILENT
) -> Pairs:
    """Count the findings beside the given ones, and test each for independence."""
    if unit not in UNITS:
        raise CxrError(f"the unit {unit!r} can't be counted: take one of {', '.join(UNITS)}")
    if engine.scalar("SELECT arg_max(pure_terms, publication) FROM publications"):
        raise CxrError(
            "this index holds only images with exactly one finding, which no other stands beside: "
            "index the label file without --pure"
        )
    engine.put("asked_findings", "finding VARCHAR", [(finding,) for finding in findings])
    engine.make("observations", unit=unit)
    engine.make("pair_totals")
    ((observed, asked),) = engine.fetch("SELECT observed, asked FROM pair_totals")
    if not asked:
        if not engine.scalar("SELECT count(*) FROM postings WHERE finding = ?", findings[0]):
            raise unknown_finding(engine, findings[0])
        raise CxrError(
            f"{', '.join(findings)} can't be paired: an image with normal has no other finding, "
            "and exclude and unchanged say nothing of what is seen"
        )
    if not _can_test():
        progress.note("p and q are empty without scipy: pip install scipy")
    return Pairs(unit, observed, asked, _tested(engine.arrow("finding_pairs"), observed, asked))


def _can_test() -> bool:
    return find_spec("scipy") is not None


def _tested(table: "pyarrow.Table", observed: int, asked: int) -> "pyarrow.Table":
    """Return the pairs with p and q, the strongest association first.

    Given the four margins, the units with both are hypergeometric where nothing depends on
    anything. Two-sided, since a finding that shuns another is news too: twice the smaller tail.
    q is p after Benjamini and Hochberg.
    """
    import pyarrow

    p = q = pyarrow.nulls(table.num_rows, pyarrow.float64())
    if _can_test() and table.num_rows:
        import numpy
        from scipy.stats import false_discovery_control, hypergeom

        together, total = table["together"].to_numpy(), table["total"].to_numpy()
        rarer = hypergeom.cdf(together, observed, asked, total)
        commoner = hypergeom.sf(together - 1, observed, asked, total)
        tails = numpy.minimum(1.0, 2 * numpy.minimum(rarer, commoner))
        p, q = pyarrow.array(tails), pyarrow.array(false_discovery_control(tails))
    tested = table.append_column("p", p).append_column("q", q)
    return tested.sort_by([("p", "ascending"), ("lift", "descending"), ("finding", "ascending")])
