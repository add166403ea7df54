"""Runs an audit: every rule that a training set should keep, and the rows that break it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cxr_duck.audit.class_labels import make_class_images, meanings_of_names, meanings_of_recipe
from cxr_duck.audit.covariates import OF_COVARIATES, make_compared
from cxr_duck.audit.csv_split import make_csv_split, make_recorded, split_order
from cxr_duck.audit.files import make_damaged, make_digests, make_files
from cxr_duck.audit.promised_sizes import (
    Promise,
    make_promised,
    promise_of_record,
    promise_of_shares,
)
from cxr_duck.audit.recipe_promises import make_promised_images, params_of
from cxr_duck.audit.result import Audit, AuditCheck
from cxr_duck.audit.rules import (
    NOTES,
    OF_CLASSES,
    OF_CSV,
    OF_DIGESTS,
    OF_FILES,
    OF_INDEX,
    OF_LABELS,
    OF_TWINS,
    PROMISES,
    RULES,
    is_promised,
)
from cxr_duck.datasets.covariates.covariates import Covariates
from cxr_duck.datasets.dataset import Dataset
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.datasets.record.record import read_dataset_on
from cxr_duck.errors import AuditError, ImagesError
from cxr_duck.progress import SILENT, Progress
from cxr_duck.query.tree import named_findings
from cxr_duck.store.store import Store
from cxr_duck.terms.hierarchy import DEFAULT_HIERARCHY
from cxr_duck.terms.stored import open_hierarchy

__all__ = ["AuditRequest", "audit_split"]

_NO_CLASS = "no row has a class"
_UNKNOWN = "the store has none of its images"


@dataclass(frozen=True)
class AuditRequest:
    """What is to be audited, and how.

    `subject` is a recorded dataset's name, or the path of a CSV file with the columns image (or
    path), split and perhaps class. Of a CSV file `classes` maps classes to queries; any other is a
    term of the `hierarchy` or a finding, or isn't checked. `shares`, a number for each split in the
    order train, valid, test, others by name, and `balanced`, classes equal in every split, are
    asked of it. Unless `files` is false every image file is opened. `checks` are those to make, all
    where none is named.
    """

    subject: str
    classes: Mapping[str, str] = field(default_factory=dict)
    hierarchy: str = DEFAULT_HIERARCHY
    shares: Sequence[int] = ()
    balanced: bool = False
    files: bool = True
    checks: Collection[str] = ()


def audit_split(
    store: Store,
    request: AuditRequest,
    images_folder: Path | None = None,
    progress: Progress = SILENT,
) -> Audit:
    """Audit a recorded dataset, or a CSV file where no dataset is called so.

    Without an `images_folder` no file is looked at; where that can't be listed, the checks of files
    have failed. `progress` is told how far it is.
    Raises AuditError, LabelFileError, DatasetError, or what a class's query raises.
    """
    if unknown := [name for name in request.checks if name not in RULES]:
        raise AuditError(f"there is no check {unknown[0]!r}; the checks are {', '.join(RULES)}")
    return _Auditor(store, request, images_folder, progress).audit()


class _Auditor:
    """One audit: the relations that it makes, and what could not be tested."""

    def __init__(
        self, store: Store, request: AuditRequest, images_folder: Path | None, progress: Progress
    ) -> None:
        self.engine = store.duckdb()
        self.store = store
        self.request = request
        self.images_folder = images_folder
        self.progress = progress
        self.remarks: list[str] = []
        self.untested: dict[str, str] = {}
        self.failed: dict[str, str] = {}
        self.findings: dict[str, list[str]] = {}
        self.recipe: Recipe | None = None

    def audit(self) -> Audit:
        """Make the checks that are asked for, in their order."""
        dataset = self._make_audited()
        recipe = self.recipe = dataset.recipe if dataset is not None else None
        self.engine.make("split_composition")
        wanted = self._wanted(recipe)
        if recipe is not None or set(OF_LABELS) & set(wanted):
            self._know_classes(recipe)
        if recipe is not None:
            self.failed |= make_promised_images(self.engine, recipe)
        splits = self._names("SELECT DISTINCT split FROM audited")
        splits = split_order(splits) if recipe is None else _in_order(list(recipe.shares), splits)
        self._promise(dataset, splits)
        self._test_files()
        self._look_for_twins()
        classes = self._names("SELECT DISTINCT class FROM audited WHERE class IS NOT NULL")
        classes = classes if recipe is None else _in_order(list(recipe.classes), classes)
        covariates = self._compare(classes, splits) if set(OF_COVARIATES) & set(wanted) else None
        self._know_images()
        if not classes:
            self.untested |= dict.fromkeys(OF_CLASSES, _NO_CLASS)
        return Audit(
            subject=self.request.subject,
            splits=splits,
            classes=classes,
            composition=self.engine.arrow_of("split_composition"),
            checks=[self._check(name) for name in wanted],
            covariates=covariates,
            remarks=self.remarks,
        )

    def _wanted(self, recipe: Recipe | None) -> list[str]:
        names = [name for name in RULES if is_promised(name, recipe)]
        if not self.request.checks:
            return names
        if lacking := [name for name in self.request.checks if name not in names]:
            raise AuditError(f"the check {lacking[0]} is for {_whose(lacking[0], recipe)}")
        return [name for name in names if name in self.request.checks]

    def _make_audited(self) -> Dataset | None:
        """Make audited; return the dataset where it is a recorded one."""
        subject = self.request.subject
        recorded = self.engine.scalar(
            "SELECT count(*) FROM experiments.dataset WHERE name = ?", subject
        )
        if not recorded and (Path(subject).exists() or subject.endswith((".csv", ".csv.gz"))):
            self.remarks += make_csv_split(self.engine, Path(subject))
            return None
        dataset = read_dataset_on(self.engine, subject)
        requested = self.request
        for given, option in (
            (requested.classes, "a class's query"),
            (requested.shares, "shares"),
            (requested.balanced, "equal classes"),
            (requested.hierarchy != DEFAULT_HIERARCHY, "a hierarchy"),
        ):
            if given:
                raise AuditError(f"{option}: that is for a CSV file; {subject} has its recipe")
        make_recorded(self.engine, subject)
        return dataset

    def _know_images(self) -> None:
        """Note what can't be tested of images that the store doesn't have."""
        unknown, every = self.engine.fetch(
            "SELECT count(DISTINCT image_id) FILTER (NOT known), count(DISTINCT image_id) "
            "FROM audited"
        )[0]
        if unknown == every:
            self.untested |= dict.fromkeys(OF_INDEX, _UNKNOWN)
        elif unknown:
            self.remarks.append(
                f"the store has {every - unknown:,} of the {every:,} images: of the others only "
                "their names, splits and numbers are tested"
            )

    def _know_classes(self, recipe: Recipe | None) -> None:
        """Make class_images, know findings; note the classes whose labels can't be checked."""
        if recipe is not None:
            make_class_images(self.engine, meanings_of_recipe(recipe))
            self.findings = recipe.classes
            return
        name, _ = open_hierarchy(self.engine, self.request.hierarchy)
        meanings, unknown = meanings_of_names(self.engine, self.request.classes, name)
        make_class_images(self.engine, meanings)
        self.findings = {name: named_findings(tree) for name, tree in meanings.items()}
        if unknown:
            some = ", ".join(unknown[:8]) + (", …" if len(unknown) > 8 else "")
            self.remarks.append(
                f"labels were not checked for {some}: no finding or term of {name} is called so; "
                "say what a class is with --class NAME=QUERY"
            )
        if not meanings:
            self.untested["label_not_held"] = "no class is known"

    def _promise(self, dataset: Dataset | None, splits: list[str]) -> None:
        """Make promised: what the recipe or the given shares say of sizes."""
        promise = None
        if dataset is not None:
            promise = promise_of_record(self.engine, dataset)
            self.untested["promise_missed"] = "the recipe promises no sizes"
        elif self.request.shares:
            promise = promise_of_shares(self.engine, splits, self.request.shares)
        else:
            self.untested["promise_missed"] = "no shares were asked for"
        if promise is not None:
            self.untested.pop("promise_missed", None)
        make_promised(self.engine, promise or Promise({}))

    def _test_files(self) -> None:
        """Make files, digests and damaged, as far as they are asked for and can be."""
        requested = [name for name in OF_FILES if name in (self.request.checks or RULES)]
        folder = self.images_folder
        if not self.request.files or folder is None:
            reason = "files are not looked at" if folder else "no folder of images is known"
            self.untested |= dict.fromkeys(requested, reason)
            return
        try:
            if requested:
                make_files(self.engine, folder, self.progress)
        except ImagesError as error:  # not mounted, perhaps: the other rules are tested
            self.failed |= dict.fromkeys(requested, str(error))
            return
        if set(requested) & set(OF_DIGESTS):
            make_digests(self.engine, folder, self.progress)
        if "damaged_file" in requested:
            skipped = make_damaged(self.engine, folder, self.progress)
            if skipped:
                self.remarks.append(f"{skipped:,} files are of a kind that can't be tested here")

    def _look_for_twins(self) -> None:
        """Tell how far twins are known, where their checks are asked for."""
        requested = [name for name in OF_TWINS if name in (self.request.checks or RULES)]
        if not self.engine.scalar("SELECT count(*) FROM fingerprints"):
            reason = "nobody looked for twins: 'cxr twins' does"
            self.untested |= dict.fromkeys(requested, reason)
            return
        unseen = self.engine.scalar(
            "SELECT count(DISTINCT image_id) FROM audited "
            "ANTI JOIN fingerprints USING (image_id) WHERE known"
        )
        if requested and unseen:
            self.remarks.append(f"twins of {unseen:,} images are not known: 'cxr twins' looks")

    def _compare(self, classes: list[str], splits: list[str]) -> Covariates:
        """Compare classes and splits in what is no finding; note the rules that can't be tested."""
        found, reasons = make_compared(self.engine, classes, splits, self.findings)
        self.untested |= reasons
        return found

    def _check(self, name: str) -> AuditCheck:
        note = name in NOTES or (name == "unequal_classes" and not self.request.balanced)
        reasons = (self.untested.get(name, ""), self.failed.get(name, ""))
        check = AuditCheck(name, RULES[name], None, note, *reasons)
        if any(reasons):
            return check
        params = {} if self.recipe is None else params_of(name, self.engine, self.recipe)
        rows = self.engine.arrow(name, **params)
        whose = [column for column in rows.column_names if column == "dataset"]
        return replace(check, rows=rows.drop_columns(whose))

    def _names(self, query: str) -> list[str]:
        return [name for (name,) in self.engine.fetch(f"{query} ORDER BY ALL")]


def _whose(check: str, recipe: Recipe | None) -> str:
    """Say what a check is for that an audited split, of a recipe or of a file, is not."""
    if recipe is None:
        return "a recorded dataset, not for a CSV file"
    if check in OF_CSV:
        return "a CSV file, not for a dataset"
    asking = [key for key, rules in PROMISES.items() if check in rules]
    return f"a dataset whose recipe has {' or '.join(asking)}: this one's asks for nothing of it"


def _in_order(first: list[str], names: list[str]) -> list[str]:
    """Return names, those of a recipe first and in its order."""
    return [*first, *(name for name in names if name not in first)]
