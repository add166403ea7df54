"""What a recipe promises is tested by an audit, where a label file was indexed again since."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cxr_duck import ExperimentData
from cxr_duck.audit.rules import NOTES, PROMISES, RULES
from cxr_duck.datasets.recipes.request import OPTIONS
from cxr_duck.errors import AuditError
from tests.conftest import Run
from tests.support.label_rows import USUAL, write_labels

TWO = {"classes": {"lump": "nodule OR granuloma", "bent": "scoliosis"}}
HALVES = {"shares": {"train": 50, "test": 50}}
# Each dataset, by the rule that is to be broken, and what of its recipe promises it.
RECIPES: dict[str, dict[str, Any]] = {
    "condition_not_met": {"where": "age >= 18"},
    "excluded_image": {"exclude": ["pacemaker"]},
    "several_findings": {"pure": True},
    "finding_not_held": {},
    "image_of_two_classes": {"overlap": "first"},
    "unit_torn": {"unit": "study"},
    "crowded_patient": {"per_patient": 2},
    "outside_period": {"by_date": ["2014-01-01"], "shares": None},
    "not_by_hand": {"physician_test": True},
    "match_missed": {"match": ["sex"]},
    "strata_differ": {"stratify": ["projection"]},
}


def rows_before() -> list[dict[str, str]]:
    """Return two classes of 20 patients with a study of two images each, half of them men.

    Two more patients have the findings that images will have later.
    """
    later = [
        {**USUAL, "ImageID": name, "PatientID": name, "StudyID": name, "Labels": f"['{finding}']"}
        for name, finding in (("spare.png", "granuloma"), ("paced.png", "pacemaker"))
    ]
    return later + [
        {
            **USUAL,
            "ImageID": f"{word}{patient:02d}-{image}.png",
            "PatientID": f"{word}{patient:02d}",
            "StudyID": f"study {word}{patient:02d}",
            "StudyDate_DICOM": "20120101" if patient < 10 else "20160101",
            "PatientSex_DICOM": "M" if patient % 2 else "F",
            "PatientBirth": "1950",
            "Projection": "PA",
            "MethodLabel": "Physician",
            "Labels": f"['{finding}']",
        }
        for word, finding in (("lump", "nodule"), ("bent", "scoliosis"))
        for patient in range(20)
        for image in (0, 1)
    ]


class Changed:
    """A store in which every dataset of RECIPES was recorded, and whose labels changed since."""

    def __init__(self, folder: Path) -> None:
        rows = rows_before()
        self.data = ExperimentData(
            labels_csv=write_labels(folder / "labels.csv", rows), store=folder / "store"
        )
        self.data.create_index()
        for name, more in RECIPES.items():
            self.data.create_dataset(**TWO, **{**HALVES, **more}, name=name)
        self.data.create_dataset(**TWO, **HALVES, keep_apart="excluded_image", seed=9, name="apart")
        self.data.create_dataset(**TWO, **HALVES, within="several_findings:train", name="within")
        names = [*RECIPES, "apart", "within"]
        self.sound = {name: self.data.audit(name, files=False) for name in names}
        self.members = {name: self.data.dataset(name).members.to_pylist() for name in names}
        self.broken = self._change({row["ImageID"]: row for row in rows})
        self.data = ExperimentData(
            labels_csv=write_labels(folder / "later.csv", [*self._rows.values()]),
            store=folder / "store",
        )
        self.data.create_index(replace=True)

    def _pick(self, dataset: str, split: str, class_name: str = "lump") -> str:
        """Return an image of a split that no other rule is to be broken by."""
        found: str = next(
            row["image_id"]
            for row in self.members[dataset]
            if (row["split"], row["class"]) == (split, class_name)
            and row["image_id"] not in self._taken
        )
        self._taken.add(found)
        return found

    def _change(self, rows: dict[str, dict[str, str]]) -> dict[str, set[str]]:
        """Change the labels; return the images, or patients, that each rule finds."""
        self._rows, self._taken = rows, set[str]()
        young = self._pick("condition_not_met", "train")
        rows[young]["PatientBirth"] = "2010"
        paced = self._pick("excluded_image", "test")
        rows[paced]["Labels"] = "['nodule', 'pacemaker']"
        both = self._pick("image_of_two_classes", "train", "bent")
        rows[both]["Labels"] = "['scoliosis', 'nodule']"
        other = self._pick("finding_not_held", "train")
        rows[other]["Labels"] = "['granuloma']"
        new = "lump00-new.png"
        rows[new] = {**rows["lump00-0.png"], "ImageID": new}
        moved = self._pick("outside_period", "train")
        rows[moved]["StudyDate_DICOM"] = "20170101"
        by_network = self._pick("not_by_hand", "test")
        rows[by_network]["MethodLabel"] = "RNN_model"
        held = {row["patient_id"] for row in self.members["apart"] if row["split"] == "test"}
        trained = self._pick("excluded_image", "train", "bent")
        host = min(name for name in held if name.startswith("bent"))
        rows[trained]["PatientID"] = host
        for row in self.members["strata_differ"]:
            if row["split"] == "test":
                rows[row["image_id"]]["Projection"] = "L"
        woman = self._pick("match_missed", "test")
        sex = rows[woman]["PatientSex_DICOM"]
        rows[woman]["PatientSex_DICOM"] = "F" if sex == "M" else "M"
        return {
            "condition_not_met": {young}, "excluded_image": {paced},
            "several_findings": {paced, both},
            "image_of_two_classes": {both}, "finding_not_held": {other}, "unit_torn": {new},
            "outside_period": {moved}, "not_by_hand": {by_network},
            "crowded_patient": {host}, "not_kept_apart": {host},
        }  # fmt: skip


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Changed]:
    """All datasets and one change: an index a case would take a second each."""
    changed = Changed(tmp_path_factory.mktemp("promises"))
    yield changed
    changed.data.store.close()


def test_every_option_has_its_rules() -> None:
    """Each option of a recipe says by which rules its promise is tested; all of them are rules."""
    assert PROMISES.keys() == OPTIONS.keys()
    assert {name for names in PROMISES.values() for name in names} < RULES.keys()
    assert {name for name, rules in PROMISES.items() if not rules} == {"hierarchy", "seed"}
    tested_elsewhere = {"label_not_held", "promise_missed", "twins_across_splits", "repeated_twin"}
    of_recipes = {rule for rules in PROMISES.values() for rule in rules} - tested_elsewhere
    assert of_recipes == RECIPES.keys() | {"not_kept_apart", "outside_dataset"}


@pytest.mark.sampled
@pytest.mark.parametrize("name", [*RECIPES, "apart", "within"])
def test_nothing_is_broken_at_first(changed: Changed, name: str) -> None:
    """A dataset that was just made keeps all that it promises, and is asked for nothing else."""
    found = changed.sound[name]
    assert not found.wrong
    rule = {"apart": "not_kept_apart", "within": "outside_dataset"}.get(name, name)
    assert found[rule].verdict == "ok"
    asked = {check.name for check in found.checks}
    assert asked.isdisjoint(RECIPES.keys() - {name, "finding_not_held", "image_of_two_classes"})


@pytest.mark.sampled
@pytest.mark.parametrize("rule", [*RECIPES, "not_kept_apart"])
def test_broken_by_other_labels(changed: Changed, rule: str) -> None:
    """A label file that was changed and indexed again breaks the promise, and the rule says it."""
    name = "apart" if rule == "not_kept_apart" else rule
    check = changed.data.audit(name, files=False, checks=[rule])[rule]
    assert check.rows is not None
    assert check.verdict == ("note" if rule in NOTES else "wrong")
    rows = check.rows.to_pylist()
    if rule == "match_missed":
        assert {row["split"] for row in rows} == {"test"}
        assert {row["class"] for row in rows} == {"lump", "bent"}
        assert all(row["units"] == row["matching"] + 1 for row in rows)
    elif rule == "strata_differ":
        assert {row["stratum"] for row in rows} == {"projection PA", "projection L"}
    else:
        key = "patient_id" if rule in ("crowded_patient", "not_kept_apart") else "image_id"
        assert {row[key] for row in rows} == changed.broken[rule]


def test_record_that_was_changed(changed: Changed) -> None:
    """An image that the other dataset doesn't have is told, whoever put it into the record."""
    stranger = next(
        row["image_id"] for row in changed.members["several_findings"] if row["split"] == "test"
    )
    with changed.data.store.publishing() as publication:
        publication.catalog.execute(
            "UPDATE experiments.image SET image_id = $new WHERE image_id = $old "
            "AND finding_id IN (SELECT finding_id FROM experiments.finding INNER JOIN "
            "experiments.dataset USING (dataset_id) WHERE dataset.name = 'within')",
            {"new": stranger, "old": changed.members["within"][0]["image_id"]},
        )
    found = changed.data.audit("within", files=False, checks=["outside_dataset"])
    rows = found["outside_dataset"].rows
    assert rows is not None
    assert [row["image_id"] for row in rows.to_pylist()] == [stranger]


def test_rule_that_a_recipe_does_not_ask_for(changed: Changed, cxr: Run) -> None:
    """To ask for it alone is an error, which names the option."""
    with pytest.raises(AuditError, match="for a dataset whose recipe has by_date: this one's asks"):
        changed.data.audit("excluded_image", checks=["outside_period"])
    ran = cxr("audit", "excluded_image", "--check", "unit_torn", "--store", changed.data.store.path)
    assert ran.code == 1
    assert "whose recipe has unit" in ran.err
