"""Datasets: balanced, patient-disjoint, the same bytes for the same seed, recorded."""

import json
import random
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_duck import Dataset, ExperimentData
from cxr_duck.datasets.allocation.rounding import largest_remainder as rounded_shares
from cxr_duck.errors import CxrError
from cxr_duck.index.removal import remove_images
from cxr_duck.progress import SILENT
from tests.conftest import Run, examples
from tests.support.label_rows import repository, write_labels

PAPER: dict[str, Any] = {"pure": True, "hierarchy": "paper", "where": "frontal"}
SPLITS = ["train", "valid", "test"]


def rows(dataset: Dataset) -> list[dict[str, str]]:
    """Return the members of a dataset."""
    members: list[dict[str, str]] = dataset.members.to_pylist()
    return members


def indexed(folder: Path, labels: list[dict[str, str]]) -> ExperimentData:
    """Index label rows."""
    path = write_labels(folder / "labels.csv", labels)
    data = ExperimentData(labels_csv=path, store=folder / "store")
    data.create_index()
    return data


def test_papers_example(demo_data: ExperimentData) -> None:
    """Classes are equal in every split, splits 70/20/10, patients in one, findings in each."""
    dataset = demo_data.create_dataset(["normal", "not-normal"], store_it=False, **PAPER)
    images = {(row["class"], row["image_id"]): row["split"] for row in rows(dataset)}
    sizes = Counter((term, split) for (term, _), split in images.items())
    total = sum(sizes["normal", split] for split in SPLITS)
    shares = rounded_shares(total, [70, 20, 10])
    for term in ("normal", "not-normal"):
        assert [sizes[term, split] for split in SPLITS] == shares
    splits_of = defaultdict(set)
    for row in rows(dataset):
        splits_of[row["patient_id"]].add(row["split"])
    assert {len(splits) for splits in splits_of.values()} == {1}
    findings = {(row["finding"], row["split"]) for row in rows(dataset)}
    assert len(findings) == 9 * 3


def test_members_meet_the_recipe(demo_data: ExperimentData) -> None:
    """Every member has its finding, that finding alone, and a frontal projection."""
    dataset = demo_data.create_dataset(["normal", "not-normal"], store_it=False, **PAPER)
    members = {(row["image_id"], row["finding"]) for row in rows(dataset)}
    frontal = demo_data.sql(
        "SELECT image_id, findings FROM images "
        "WHERE projection IN ('PA', 'AP', 'AP_horizontal') AND present"
    ).to_pylist()
    pure = {(row["image_id"], row["findings"][0]) for row in frontal if len(row["findings"]) == 1}
    assert members <= pure


def test_seed_decides(demo_data: ExperimentData) -> None:
    """The same seed gives the same members, another seed others."""
    first, again, other = (
        demo_data.create_dataset(["normal", "not-normal"], seed=seed, store_it=False, **PAPER)
        for seed in (1, 1, 2)
    )
    assert first.digest == again.digest
    assert first.members.equals(again.members)
    assert first.digest != other.digest
    assert first.composition.keys() == other.composition.keys()


@pytest.mark.sampled
@pytest.mark.parametrize("threads", [1, 4, 16])
def test_same_bytes_after_a_shuffle_and_with_any_threads(
    tmp_path: Path,
    demo: Path,
    demo_data: ExperimentData,
    threads: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither the order of the label file's rows nor the number of threads changes a dataset."""
    import csv

    import duckdb

    connect = duckdb.connect

    def threaded(*words: Any, **options: Any) -> duckdb.DuckDBPyConnection:
        return connect(
            *words, **{**options, "config": {**options.get("config", {}), "threads": threads}}
        )

    monkeypatch.setattr(duckdb, "connect", threaded)
    with (demo / "labels.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    random.Random(threads).shuffle(lines)
    labels = write_labels(tmp_path / "labels.csv", lines, list(lines[0]))
    shuffled = ExperimentData(demo / "images", labels, store=tmp_path / "store")
    shuffled.create_index()
    set_to = shuffled.sql("SELECT current_setting('threads') AS n").to_pylist()
    assert set_to == [{"n": threads}]
    options = {**PAPER, "store_it": False}
    made = shuffled.create_dataset(["normal", "not-normal"], **options)
    kept = demo_data.create_dataset(["normal", "not-normal"], **options)
    assert made.members.equals(kept.members)
    assert made.digest == kept.digest


def test_digest_is_over_the_members(demo_data: ExperimentData) -> None:
    """The digest is SHA-256 over split, class, finding and image, a line each, in order."""
    import hashlib

    dataset = demo_data.create_dataset(["normal", "not-normal"], store_it=False, **PAPER)
    lines = sorted(
        (row["split"], row["class"], row["finding"], row["image_id"]) for row in rows(dataset)
    )
    text = "\n".join("\t".join(line) for line in lines)
    assert dataset.digest == hashlib.sha256(text.encode()).hexdigest()


def test_exclusion_and_overlap(tmp_path: Path) -> None:
    """Images with an excluded term are out, and so are those of two classes, which is said."""
    notes: list[str] = []
    findings = [
        ["nodule"], ["scoliosis"], ["nodule", "scoliosis"], ["nodule", "pacemaker"],
        ["scoliosis", "pacemaker"],
    ]  # fmt: skip
    data = indexed(tmp_path, repository(200, findings))

    class Notes:
        from cxr_duck.progress import SILENT

        step = SILENT.step

        def note(self, text: str) -> None:
            notes.append(text)

    data = ExperimentData(store=data.store.path, progress=Notes())
    dataset = data.create_dataset(["nodule", "scoliosis"], exclude=["pacemaker"], store_it=False)
    assert notes == ["40 images belong to more than one class and are left out"]
    assert dataset.images() == 80
    out = data.sql(
        "SELECT image_id FROM images WHERE list_contains(findings, 'pacemaker') "
        "OR array_length(findings) = 2"
    ).to_pydict()["image_id"]
    assert not {row["image_id"] for row in rows(dataset)} & set(out)


def test_missing_images_are_no_members(tmp_path: Path) -> None:
    """An image whose file was looked for and not found is in no dataset."""
    labels = write_labels(tmp_path / "labels.csv", repository(60, [["nodule"], ["scoliosis"]]))
    films = tmp_path / "films"
    films.mkdir()
    for patient in range(60):
        if patient not in (10, 11):
            (films / f"p{patient:05d}_0.png").write_bytes(b"x")
    data = ExperimentData(films, labels, store=tmp_path / "store")
    data.create_index()
    dataset = data.create_dataset(["nodule", "scoliosis"], store_it=False)
    assert dataset.images() == 58
    assert "p00010_0.png" not in {row["image_id"] for row in rows(dataset)}


def test_branch_head_is_a_label_too(tmp_path: Path) -> None:
    """`surgery` holds its own images and those of the terms below it."""
    data = indexed(tmp_path, repository(90, [["surgery"], ["sternotomy"], ["normal"]]))
    dataset = data.create_dataset(["surgery", "normal"], store_it=False)
    assert dataset.recipe.classes["surgery"] == ["sternotomy", "surgery"]


REFUSED: list[tuple[list[str], dict[str, Any], str]] = [
    ([], {}, "a dataset needs at least one term"),
    (["nodule", "nodule"], {}, "the term nodule is given twice"),
    (["noduel"], {}, "the hierarchy padchest has no term 'noduel': did you mean nodule"),
    (["nodule", "COVID 19"], {}, "the class 'COVID 19' is empty: no indexed image has a finding"),
    (["scoliosis", "nodule"], {"where": "age < 0"}, "a class of this dataset has no images of its"),
    (
        ["atypical pneumonia", "pneumonia"],
        {},
        "2 images in the index, 2 belong to more than one class",
    ),
    (
        ["nodule"],
        {"where": "nonsense > 1"},
        "the condition 'nonsense > 1' can't be evaluated (Refer",
    ),
    (["nodule"], {"where": "1 = 1; DROP TABLE terms"}, "this is not one condition"),
    (["nodule"], {"where": "TRUE); SELECT (1"}, "can't be evaluated (syntax error"),
    (["nodule"], {"where": "(SELECT count(*) FROM read_text('/etc/hostname')) > 0"}, "/etc/host"),
    (["nodule", "atypical pneumonia"], {}, "too few patients to fill every split"),
    (["nodule"], {"exclude": ["pacemeker"]}, "no term 'pacemeker': did you mean pacemaker"),
    (["nodule"], {"where": "age >= 18) OR (1=1"}, "can't be evaluated (syntax error"),
    (["nodule"], {"where": "TRUE LIMIT 5"}, "can't be evaluated (syntax error"),
    (["nodule"], {"where": "random() < 0.5"}, "the condition calls random(), which differs"),
    (["nodule"], {"where": "study_date < current_date"}, "the condition calls current_date()"),
    (
        ["nodule"],
        {"where": "random() < 0.5 AND EXISTS (PIVOT images ON sex USING count(*))"},
        "random() < 0.5 AND EXISTS (PIVOT images",
    ),
    (
        ["nodule"],
        {"where": "image_id IN (SELECT image_id FROM images USING SAMPLE 30 ROWS)"},
        "takes some rows of a subquery, SAMPLE or LIMIT",
    ),
    (
        ["nodule"],
        {"where": "image_id IN (SELECT image_id FROM images LIMIT 30)"},
        "takes some rows of a subquery",
    ),
    (
        ["nodule"],
        {"where": "image_id IN (SELECT any_value(image_id) FROM images GROUP BY patient_id)"},
        "the condition calls any_value(), which differs",
    ),
    (["right"], {}, "'right' is a localization, and classes are made of findings"),
    (["nodule"], {"seed": 2**64}, "the seed must be a whole number of at most 63 bits"),
    (["nodule"], {"seed": 1.5}, "the seed must be a whole number"),
    (["nodule"], {"name": "a\nb"}, "the name must be one line of text"),
    (["nodule", 3], {}, "terms must be a list of terms, not ['nodule', 3]"),  # type: ignore[list-item]
    (["nodule"], {"exclude": None}, "exclude must be a list of terms, not None"),
]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> ExperimentData:
    """A repository of 162 patients, two of whom have an atypical pneumonia."""
    findings = [["nodule"], ["scoliosis"], ["pneumonia"], ["normal"]]
    labels = repository(160, findings)
    rare = repository(2, [["atypical pneumonia"]])
    for number, row in enumerate(rare):
        row.update(ImageID=f"rare{number}.png", PatientID=f"rare{number}")
    return indexed(tmp_path_factory.mktemp("small"), labels + rare)


@pytest.mark.sampled
@pytest.mark.parametrize(("terms", "options", "message"), REFUSED, ids=range(len(REFUSED)))
def test_recipe_that_cannot_be_met(
    small: ExperimentData, terms: list[str], options: dict[str, Any], message: str
) -> None:
    """It is refused with the counts that show why, and nothing is recorded."""
    with pytest.raises(CxrError) as error:
        small.create_dataset(terms, **options)
    assert message in str(error.value)
    assert "\n" not in str(error.value).replace(str(options.get("where")), "")
    assert small.datasets() == []


def test_same_findings_under_two_names(small: ExperimentData, tmp_path: Path) -> None:
    """Two terms that come to the same findings are no two classes."""
    path = tmp_path / "twin.csv"
    path.write_text("term,parent\na,\nnodule,a\nb,\nnodule,b\n")
    with pytest.raises(CxrError, match="the classes 'a' and 'b' have the same images"):
        small.create_dataset(["a", "b"], hierarchy=path)


REPOSITORIES = st.lists(
    st.tuples(
        st.integers(0, 25),
        st.lists(st.sampled_from(["nodule", "scoliosis", "normal", "pneumonia"]), max_size=3),
    ),
    min_size=30,
    max_size=150,
)


@examples(20)
@given(REPOSITORIES, st.integers(0, 2**40))
def test_any_repository(
    tmp_path_factory: pytest.TempPathFactory, images: list[tuple[int, list[str]]], seed: int
) -> None:
    """A dataset of any repository has equal classes, exact splits, and each patient in one."""
    labels = repository(len(images), [["normal"]])
    for row, (patient, findings) in zip(labels, images, strict=True):
        row.update(PatientID=f"patient{patient}", Labels=str(findings))
    data = indexed(tmp_path_factory.mktemp("any"), labels)
    try:
        dataset = data.create_dataset(["nodule", "scoliosis"], seed=seed)
    except CxrError as error:
        assert re.search("too few patients|is empty|no images of its own", str(error))
        return
    sizes = Counter((r["class"], r["split"]) for r in rows(dataset))
    shares = rounded_shares(sum(sizes["nodule", split] for split in SPLITS), [70, 20, 10])
    for term in ("nodule", "scoliosis"):
        assert [sizes[term, split] for split in SPLITS] == shares
    from cxr_duck.store.invariants import check_invariants

    assert [check for check in check_invariants(data.store) if check.rows] == []


def test_record(own_demo: ExperimentData) -> None:
    """The record holds the recipe, the members and the digest, after the paper's diagram."""
    dataset = own_demo.create_dataset(
        ["normal", "not-normal"], name="pair", experiment="first", seed=7, **PAPER
    )
    (record,) = own_demo.sql(
        "SELECT dataset.*, experiment.name AS experiment FROM experiments.dataset "
        "INNER JOIN experiments.experiment USING (experiment_id)"
    ).to_pylist()
    expected = {"name": "pair", "experiment": "first", "digest": dataset.digest, "seed": 7,
                "pure": True, "hierarchy": "paper", "images": dataset.images()}  # fmt: skip
    assert {key: record[key] for key in expected} == expected
    recipe = json.loads(record["recipe"])
    assert recipe["where"] == "frontal"
    assert list(recipe["classes"]) == ["normal", "not-normal"]
    members = own_demo.sql(
        "SELECT class, finding, image_id, patient_id, split FROM experiments.members "
        "WHERE dataset = 'pair' ORDER BY class, finding, image_id"
    )
    assert members.to_pylist() == rows(dataset)
    assert own_demo.dataset("pair").members.to_pylist() == rows(dataset)
    assert own_demo.dataset("pair").composition == dataset.composition


@pytest.mark.full
def test_names(own_demo: ExperimentData) -> None:
    """A dataset without a name gets one of its terms; a name that is taken is refused."""
    own_demo.create_dataset(["normal", "not-normal"], **PAPER)
    own_demo.create_dataset(["normal", "not-normal"], seed=2, **PAPER)
    names = [record["name"] for record in own_demo.datasets()]
    assert names == ["normal-vs-not-normal", "normal-vs-not-normal-2"]
    with pytest.raises(CxrError, match="has a dataset 'normal-vs-not-normal' already"):
        own_demo.create_dataset(
            ["normal", "not-normal"], name="normal-vs-not-normal", seed=3, **PAPER
        )
    with pytest.raises(CxrError, match="no dataset 'other': it has normal-vs-not-normal-2, normal"):
        own_demo.dataset("other")


def test_to_record_again_changes_nothing(own_demo: ExperimentData) -> None:
    """The paper's two calls, create_dataset and store_in_dataset, record the dataset once."""
    dataset = own_demo.create_dataset(["normal", "not-normal"], name="pair", **PAPER)
    assert own_demo.store_in_dataset(dataset) == dataset
    assert len(own_demo.datasets()) == 1


@pytest.mark.full
def test_dataset_of_another_store(small: ExperimentData, own_demo: ExperimentData) -> None:
    """A dataset made from an index that the store doesn't have is not recorded there."""
    own_demo.create_dataset(["normal", "not-normal"], name="pair", **PAPER)
    foreign = small.create_dataset(["nodule", "normal"], store_it=False)
    with pytest.raises(CxrError, match="made from an index that the store doesn't have"):
        own_demo.store_in_dataset(foreign)
    assert own_demo.reproduce("pair").same


def test_findings_keep_their_share_when_a_class_is_cut_down(tmp_path: Path) -> None:
    """However few images of a class stay, each finding is spread 70/20/10 and in proportion."""
    findings = [["nodule"]] * 6 + [["granuloma"]] * 3 + [["pulmonary mass"]] + [["normal"]] * 2
    data = indexed(tmp_path, repository(1800, findings))
    made = data.create_dataset(["nodular", "normal"], hierarchy="paper", store_it=False)
    assert made.images() == 600
    for finding, part in (("nodule", 0.6), ("granuloma", 0.3), ("pulmonary mass", 0.1)):
        for split, images in (("train", 210), ("valid", 60), ("test", 30)):
            assert abs(made.composition["nodular", finding, split] - images * part) <= 1


@pytest.mark.full
def test_reproduce_notices_a_changed_record(own_demo: ExperimentData, cxr: Run) -> None:
    """A member taken out of the record is told, by reproduce and by check-store."""
    own_demo.create_dataset(["normal", "not-normal"], name="pair", **PAPER)
    with own_demo.store.publishing() as publication:
        publication.catalog.execute(
            "DELETE FROM experiments.image WHERE image_id = "
            "(SELECT min(image_id) FROM experiments.image)"
        ).fetchall()
    ran = cxr("reproduce", "pair", "--store", own_demo.store.path)
    assert ran.code == 1
    assert "has other members than those its digest was taken over: 'cxr check-store'" in ran.err
    assert "digest_differs" in cxr("check-store", "--store", own_demo.store.path).err


def test_two_commands_at_once(small: ExperimentData) -> None:
    """Datasets made at the same time wait for each other and get names of their own."""
    import subprocess
    import sys

    command = [sys.executable, "-m", "cxr_duck", "create", "nodule", "normal", "--store"]
    running = [
        subprocess.Popen([*command, str(small.store.path)], stdout=subprocess.DEVNULL)
        for _ in range(3)
    ]
    assert [process.wait() for process in running] == [0, 0, 0]
    names = {record["name"] for record in small.datasets()}
    assert {"nodule-vs-normal", "nodule-vs-normal-2", "nodule-vs-normal-3"} <= names


def test_reproduce(own_demo: ExperimentData, cxr: Run) -> None:
    """A recorded dataset made again is the same; the command says so and exits 0."""
    dataset = own_demo.create_dataset(["normal", "not-normal"], name="pair", **PAPER)
    ran = cxr("reproduce", "pair", "--store", own_demo.store.path)
    assert ran.code == 0
    assert dataset.digest in ran.out
    assert "made again: the same" in ran.out


@pytest.mark.full
def test_reproduce_from_another_index(tmp_path: Path, cxr: Run) -> None:
    """Where images are gone that is said, with what was done to the store; exit code 1."""
    labels = repository(100, [["nodule"], ["scoliosis"]])
    data = indexed(tmp_path, labels)
    data.create_dataset(["nodule", "scoliosis"], name="pair")
    gone = data.dataset("pair").members.to_pylist()[0]
    remove_images(data.store, f"image_id = '{gone['image_id']}'", SILENT)
    ran = cxr("reproduce", "pair", "--store", tmp_path / "store", "--json")
    assert ran.code == 1
    found = json.loads(ran.out)
    assert found["recorded"] == data.dataset("pair").digest
    assert (found["made"], found["removed"], found["sound"]) == (None, 1, True)
    ran = cxr("reproduce", "pair", "--store", tmp_path / "store")
    assert ran.code == 1
    assert "pair can't be made anew, since the store has other images of its recipe" in ran.err
    assert "since it was made, 1 images were removed" in ran.err
    assert "pair lacks 1 images, which were removed from the store" in ran.err


@pytest.mark.full
def test_recorded_datasets_survive_a_new_index(own_demo: ExperimentData) -> None:
    """Indexing again keeps what was recorded."""
    dataset = own_demo.create_dataset(["normal", "not-normal"], name="pair", **PAPER)
    own_demo.create_index()
    assert own_demo.dataset("pair").digest == dataset.digest
    assert own_demo.reproduce("pair").same


def test_finding_that_the_hierarchy_lacks(small: ExperimentData) -> None:
    """A finding of the index that the hierarchy doesn't have stands for itself."""
    dataset = small.create_dataset(
        ["normal", "scoliosis"], hierarchy="paper", exclude=["pneumonia"], store_it=False
    )
    assert dataset.recipe.classes == {"normal": ["normal"], "scoliosis": ["scoliosis"]}
    assert dataset.recipe.excluded == ["pneumonia"]


@pytest.mark.full
def test_record_names_the_index_that_it_was_made_from(tmp_path: Path) -> None:
    """A dataset recorded after more was indexed still says which state made it."""
    labels = repository(100, [["nodule"], ["scoliosis"]])
    data = indexed(tmp_path, labels[:80])
    dataset = data.create_dataset(["nodule", "scoliosis"], name="pair", store_it=False)
    indexed(tmp_path, labels)
    data.store_in_dataset(dataset)
    assert data.dataset("pair").publication == dataset.publication == 1
    found = data.reproduce("pair")
    assert found.made is None
    assert found.sound
    assert found.changes == ["labels.csv was indexed (20 images added, 0 replaced)"]


def test_reproduce_notices_changed_decisions(own_demo: ExperimentData, cxr: Run) -> None:
    """Decisions that no patients of the store fit are no excuse where the store is as it was."""
    own_demo.create_dataset(["normal", "not-normal"], name="pair", **PAPER)
    with own_demo.store.publishing() as publication:
        publication.catalog.execute(
            "UPDATE experiments.allocation SET patients = patients + 1"
        ).fetchall()
    ran = cxr("reproduce", "pair", "--store", own_demo.store.path)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "pair can't be made again, though nothing was done to the store's images: the record or "
        "cxr-duck was changed\n"
    )


@pytest.mark.full
def test_reproduce_by_date_after_a_removal(tmp_path: Path, cxr: Run) -> None:
    """A split whose images are gone is told, and the record is rebuilt as far as it can be."""
    labels = repository(200, [["nodule"], ["scoliosis"]])
    for number, row in enumerate(labels):
        row["StudyDate_DICOM"] = "20100101" if number % 4 < 2 else "20160101"
    data = indexed(tmp_path, labels)
    data.create_dataset(["nodule", "scoliosis"], by_date=["2014-01-01"], name="dated")
    remove_images(
        data.store, "study_date > DATE '2014-01-01' AND list_contains(findings, 'nodule')", SILENT
    )
    ran = cxr("reproduce", "dated", "--store", data.store.path)
    assert (ran.code, ran.out) == (1, "")
    assert "dated can't be made anew, since the store has other images of its recipe" in ran.err
    assert "dated lacks 50 images, which were removed from the store" in ran.err
