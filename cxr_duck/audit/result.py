"""The result of an audit: each rule, the rows that break it, and what was not tested."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow

    from cxr_duck.datasets.covariates.covariates import Covariates

__all__ = ["Audit", "AuditCheck"]


@dataclass(frozen=True)
class AuditCheck:
    """One rule of a split: its name, the rule, and the rows that break it.

    With `note` the rows are worth knowing and not wrong. `untested` says why nobody tested the
    rule, `failed` why it could not be tested, where that is so; then there are no rows.
    """

    name: str
    rule: str
    rows: "pyarrow.Table | None" = field(default=None, repr=False)
    note: bool = False
    untested: str = ""
    failed: str = ""

    @property
    def found(self) -> int:
        """The number of things that break the rule."""
        return 0 if self.rows is None else int(self.rows.num_rows)

    @property
    def broken(self) -> bool:
        """Whether something is wrong, or could not be tested as it should."""
        return bool(self.failed) or (bool(self.found) and not self.note)

    @property
    def verdict(self) -> str:
        """The rule's state in a word: ok, wrong, note, untested or failed."""
        if self.failed:
            return "failed"
        if self.untested:
            return "untested"
        return ("note" if self.note else "wrong") if self.found else "ok"


@dataclass(frozen=True)
class Audit:
    """What is wrong with a split, and what is in it.

    `subject` is the dataset's name or the file's path. `composition` has a row per (split, class):
    images, patients, and leaking, those patients who are in another split too; class '' is the
    split as a whole. `covariates` is how classes and splits differ in what is no finding, None
    where no rule of it was asked for. `remarks` are sentences on what was left out or not tested.
    """

    subject: str
    splits: Sequence[str]
    classes: Sequence[str]
    composition: "pyarrow.Table" = field(repr=False)
    checks: Sequence[AuditCheck]
    remarks: Sequence[str] = ()
    covariates: "Covariates | None" = field(default=None, repr=False)

    @property
    def wrong(self) -> bool:
        """Whether any rule is broken."""
        return any(check.broken for check in self.checks)

    def __getitem__(self, name: str) -> AuditCheck:
        """Return the check of a name."""
        return next(check for check in self.checks if check.name == name)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain values, for JSON."""
        return {
            "subject": self.subject,
            "wrong": self.wrong,
            "splits": list(self.splits),
            "classes": list(self.classes),
            "composition": [
                {**row, "class": row["class"] or None} for row in self.composition.to_pylist()
            ],
            "checks": [
                {
                    "name": check.name,
                    "rule": check.rule,
                    "verdict": check.verdict,
                    "found": check.found,
                    "untested": check.untested or check.failed or None,
                    "rows": [] if check.rows is None else check.rows.to_pylist(),
                }
                for check in self.checks
            ],
            "covariates": None if self.covariates is None else self.covariates.to_dict(),
            "remarks": list(self.remarks),
        }
