"""How the classes and splits of an audited dataset differ, as relations that the rules read."""

import math
from collections.abc import Mapping, Sequence

from cxr_duck.datasets.covariates.covariates import Covariates, compare_covariates
from cxr_duck.engines.duckdb import DuckDBEngine

__all__ = ["IN_TABLE", "OF_COVARIATES", "make_compared"]

# The rules that come of them, those first that the table of covariates tells whole. Where one is
# broken nothing is wrong: it is worth knowing.
IN_TABLE = ("classes_differ", "splits_differ", "guessed_without_pixel")
OF_COVARIATES = (*IN_TABLE, "suspect_image", "label_of_other_class")


def make_compared(
    engine: DuckDBEngine,
    classes: Sequence[str],
    splits: Sequence[str],
    findings: Mapping[str, Sequence[str]],
) -> tuple[Covariates, dict[str, str]]:
    """Make compared_covariates and pixel_free_guess of audited, beside what else the rules read.

    Returns the covariates, and of the rules that can't be tested the reason. `findings` are those
    of the classes, as far as they are known.
    """
    members = engine.query("SELECT DISTINCT class, split, image_id FROM audited")
    found = compare_covariates(engine, members, classes, splits, findings)
    rows = [*found.between_classes, *found.between_splits]
    engine.put(
        "compared_covariates",
        "place INTEGER, compared VARCHAR, covariate VARCHAR, first VARCHAR, second VARCHAR, "
        "smd DOUBLE, chance DOUBLE, marked BOOLEAN",
        [
            (
                place,
                row.between,
                row.covariate,
                row.first,
                row.second,
                row.smd if math.isfinite(row.smd) else None,
                row.chance if math.isfinite(row.chance) else None,
                row.marked,
            )
            for place, row in enumerate(rows)
        ],
    )
    guess = found.guess
    most = guess.chance[1] if guess.chance else None
    engine.put(
        "pixel_free_guess",
        "auc DOUBLE, chance DOUBLE, trained_on VARCHAR, tested_on VARCHAR, marked BOOLEAN",
        [(guess.auc, most, guess.trained_on, guess.tested, guess.marked)],
    )
    reasons = {
        "classes_differ": "" if found.between_classes else "there are no two classes to compare",
        "splits_differ": "" if found.between_splits else "there are no two splits to compare",
        "guessed_without_pixel": guess.reason,
        "suspect_image": ""
        if found.suspect is not None
        else "no file was tested: 'cxr check' does",
        "label_of_other_class": "" if len(findings) > 1 else "no two classes are known",
    }
    return found, {name: reason for name, reason in reasons.items() if reason}
