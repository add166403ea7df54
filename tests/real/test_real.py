"""PadChest's own label file: the figures of the paper. `make real` fetches it."""

import csv
import gzip
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars
import pytest
from sklearn.model_selection import train_test_split

from cxr_duck import ExperimentData
from tests.support.walk import findings_of, walk

pytestmark = pytest.mark.real

# Number of images with each finding, as the paper's Table 1 has them; it shortens two of the names.
TABLE_1 = {
    "normal": 50390, "COPD signs": 23280, "cardiomegaly": 15022, "unchanged": 14334,
    "aortic elongation": 10824, "pleural effusion": 9853, "scoliosis": 8333, "pneumonia": 7953,
    "interstitial pattern": 7799, "chronic changes": 7337, "infiltrates": 7089,
    "costophrenic angle blunting": 6784, "air trapping": 6147, "alveolar pattern": 5738,
    "NSG tube": 5390, "kyphosis": 5215, "laminar atelectasis": 5190,
    "vertebral degenerative changes": 4878, "vascular hilar enlargement": 4517, "nodule": 3748,
    "fibrotic band": 3713, "apical pleural thickening": 3625, "pacemaker": 3508,
    "central venous catheter via jugular vein": 3204, "calcified granuloma": 3194,
    "callus rib fracture": 2967, "atelectasis": 2905, "sternotomy": 2849, "volume loss": 2757,
    "bronchiectasis": 2698,
}  # fmt: skip
# The eight leaves of the paper's example: images with that finding alone, frontal projections.
LEAVES = {
    "atelectasis": 96, "calcified granuloma": 358, "laminar atelectasis": 553, "granuloma": 123,
    "nodule": 542, "fibrotic band": 151, "pneumonia": 462, "pulmonary mass": 113,
}  # fmt: skip


@pytest.fixture(scope="module")
def labels() -> Path:
    """PadChest's label file, from $CXR_PADCHEST."""
    path = Path(os.environ.get("CXR_PADCHEST", ""))
    if not path.is_file():
        pytest.skip("PadChest's label file is not here: make real fetches it")
    return path


@pytest.fixture(scope="module")
def real(labels: Path, tmp_path_factory: pytest.TempPathFactory) -> ExperimentData:
    """PadChest, indexed."""
    data = ExperimentData(labels_csv=labels, store=tmp_path_factory.mktemp("real") / "store")
    counts = data.create_index()
    assert {name: counts[name] for name in ("images", "postings", "rejects")} == {
        "images": 160_861, "postings": 329_184, "rejects": 0,
    }  # fmt: skip
    return data


@pytest.mark.spark
def test_spark_gives_the_same(
    real: ExperimentData, labels: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """PadChest on both engines: every relation row for row, and the paper's dataset."""
    pytest.importorskip("pyspark", reason="PadChest on Spark: needs pyspark")
    from tests.engines.test_spark import assert_same
    from tests.support.spark_sessions import spark_session

    store = tmp_path_factory.mktemp("spark") / "store"
    recipe: dict[str, Any] = {"pure": True, "hierarchy": "paper", "where": "frontal"}
    with spark_session("local[2]", {"spark.driver.memory": "4g"}) as session:
        data = ExperimentData(labels_csv=labels, store=store, engine=session)
        data.create_index()
        made = data.create_dataset(["normal", "not-normal"], name="paper", **recipe)
        found = data.find("under(infiltrates) AND NOT nodule")
    assert_same(real, data)
    again = real.create_dataset(["normal", "not-normal"], **recipe, store_it=False)
    assert made.digest == again.digest
    assert found.to_pylist() == real.find("under(infiltrates) AND NOT nodule").to_pylist()


def test_table_1(real: ExperimentData) -> None:
    """193 findings; all 30 rows of the paper's Table 1."""
    assert len(real.index) == 193
    assert {finding: len(real.index[finding]) for finding in TABLE_1} == TABLE_1


def test_counts_of_patients_and_studies(real: ExperimentData) -> None:
    """Identifiers of 39 digits are read whole."""
    counts = real.sql(
        "SELECT count(DISTINCT patient_id) AS patients, count(DISTINCT study_id) AS studies, "
        "count(DISTINCT report_id) AS reports FROM images"
    ).to_pylist()
    assert counts == [{"patients": 67_625, "studies": 109_931, "reports": 107_783}]
    projections = real.sql("SELECT projection, count(*) AS n FROM images GROUP BY ALL").to_pylist()
    assert {row["projection"]: row["n"] for row in projections} == {
        "PA": 91_728, "L": 49_579, "AP_horizontal": 14_346, "AP": 4_559, "COSTAL": 630,
        "EXCLUDE": 11, "UNK": 8,
    }  # fmt: skip


def rows_of_file(labels: Path) -> Iterator[dict[str, str]]:
    """Yield each row of the label file."""
    opened = gzip.open if labels.suffix == ".gz" else open
    with opened(labels, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def test_index_equals_a_walk_over_the_rows(real: ExperimentData, labels: Path) -> None:
    """A plain walk over the label file finds the same postings, with the same localizations.

    Each of the 329,184 is found in a sentence of the report, once sides are told apart.
    """
    table = real.sql("SELECT finding, image_id, localizations, known_by FROM postings").to_pydict()
    assert walk(rows_of_file(labels)) == {
        (finding, image_id): (localizations, known_by)
        for finding, image_id, localizations, known_by in zip(*table.values(), strict=True)
    }
    assert set(table["known_by"]) == {"sentence"}


@pytest.mark.parametrize(
    ("unit", "columns"), [("image", ["ImageID"]), ("study", ["PatientID", "StudyID"])]
)
def test_pairs_equal_a_walk_over_the_rows(
    real: ExperimentData, labels: Path, unit: str, columns: list[str]
) -> None:
    """What stands beside pleural effusion is what a plain walk counts, in images and in studies."""
    seen: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for row in rows_of_file(labels):
        findings = set(findings_of(row["Labels"]))
        if told := findings - {"exclude", "unchanged"}:
            seen[tuple(row[column] for column in columns)] |= told
    beside = [found for found in seen.values() if "pleural effusion" in found]
    together = Counter(finding for found in beside for finding in found)
    total = Counter(finding for found in seen.values() for finding in found)
    pairs = real.pairs("pleural effusion", unit=unit)
    assert (pairs.observed, pairs.asked) == (len(seen), len(beside))
    rows = {row["finding"]: row for row in pairs.table.to_pylist()}
    assert rows.keys() == total.keys() - {"pleural effusion", "normal"}
    for finding, row in rows.items():
        assert (row["together"], row["total"]) == (together[finding], total[finding])
    assert rows["scoliosis"]["lift"] < 1 < rows["atelectasis"]["lift"]


def test_physician_shares(real: ExperimentData, labels: Path) -> None:
    """The share of a finding's images that were labelled by hand is what a plain walk counts."""
    images: Counter[str] = Counter()
    by_hand: Counter[str] = Counter()
    for row in rows_of_file(labels):
        findings = findings_of(row["Labels"])
        images.update(findings)
        by_hand.update(findings if row["MethodLabel"] == "Physician" else ())
    shares = {row["finding"]: row["physician_share"] for row in real.findings().to_pylist()}
    assert shares == {finding: by_hand[finding] / images[finding] for finding in images}


def test_every_label_is_a_term(real: ExperimentData) -> None:
    """The hierarchy has every finding and every localization of the repository."""
    strangers = real.sql(
        "SELECT DISTINCT finding FROM postings ANTI JOIN "
        "(SELECT term AS finding FROM terms WHERE hierarchy = 'padchest') USING (finding) "
        "UNION ALL SELECT DISTINCT unnest(localizations) AS place FROM images "
        "WHERE NOT list_has_all((SELECT list('loc ' || term) FROM terms "
        "WHERE hierarchy = 'padchest' AND tree = 'localization'), localizations)"
    ).to_pylist()
    assert strangers == []


@pytest.mark.parametrize("seed", [1, 2])
def test_papers_example(real: ExperimentData, seed: int) -> None:
    """2,398 a class, 70/20/10 to the image, each finding in each split as it should be."""
    dataset = real.create_dataset(
        ["normal", "not-normal"], pure=True, hierarchy="paper", where="frontal", seed=seed,
        name=f"paper-{seed}",
    )  # fmt: skip
    splits = {"train": 1679, "valid": 479, "test": 240}
    for term in ("normal", "not-normal"):
        assert {s: dataset.composition[term, "", s] for s in splits} == splits
    for finding, images in LEAVES.items():
        got = [dataset.composition["not-normal", finding, split] for split in splits]
        assert sum(got) == images
        wanted = [images * share / 100 for share in (70, 20, 10)]
        assert all(abs(a - b) <= 1 for a, b in zip(got, wanted, strict=True)), (finding, got)
    members = dataset.polars()
    assert members.group_by("patient_id").agg(polars.col("split").n_unique())["split"].max() == 1
    assert real.reproduce(f"paper-{seed}").same


def test_linear_and_nodular(real: ExperimentData) -> None:
    """The paper's second example."""
    dataset = real.create_dataset(["linear", "nodular"], hierarchy="paper", store_it=False)
    assert dataset.recipe.classes == {
        "linear": ["fibrotic band", "laminar atelectasis"],
        "nodular": ["granuloma", "nodule", "pulmonary mass"],
    }


def test_checks(real: ExperimentData) -> None:
    """No invariant is broken; one study has two patients, which is worth a look."""
    from cxr_duck.store.invariants import check_invariants

    checks = check_invariants(real.store)
    assert [check for check in checks if check.rows and not check.note] == []
    assert [len(check.rows) for check in checks if check.note] == [1]


def test_a_naive_split_by_image_leaks(real: ExperimentData, tmp_path: Path) -> None:
    """train_test_split over images puts a third of the patients in two splits; all are found."""
    table = real.sql("SELECT image_id, patient_id FROM images ORDER BY image_id")
    images = polars.from_arrow(table)
    assert isinstance(images, polars.DataFrame)
    train, rest = train_test_split(images, test_size=0.3, random_state=0)
    valid, test = train_test_split(rest, test_size=1 / 3, random_state=0)
    parts = {"train": train, "valid": valid, "test": test}
    split = polars.concat(
        [part.with_columns(split=polars.lit(name)) for name, part in parts.items()]
    )
    split.select("image_id", "split").write_csv(tmp_path / "naive.csv")
    found = real.audit(tmp_path / "naive.csv", shares=[70, 20, 10])
    splits = split.group_by("patient_id").agg(polars.col("split").n_unique())
    leaking = splits.filter(polars.col("split") > 1).height
    assert found["patient_in_two_splits"].found == leaking > 67_625 // 3
    assert not found["promise_missed"].found


def test_matrix_of_every_finding(real: ExperimentData) -> None:
    """The columns of a matrix add up to what the postings of its images count."""
    real.create_dataset(["normal", "not-normal"], name="matrix")
    matrix = real.matrix("matrix", "all", form="polars")
    assert isinstance(matrix, polars.DataFrame)
    assert matrix.shape == (100_780, 4 + 193)
    counted = real.sql(
        "SELECT finding, count(*) AS images FROM postings WHERE image_id IN "
        "(SELECT image_id FROM experiments.members WHERE dataset = 'matrix') GROUP BY finding"
    ).to_pylist()
    sums = matrix[:, 4:].cast(polars.Int64).sum().row(0, named=True)
    assert {name: images for name, images in sums.items() if images} == {
        row["finding"]: row["images"] for row in counted
    }
