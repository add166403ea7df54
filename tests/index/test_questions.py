"""What goes with what: cxr findings and cxr pairs, against counts by hand."""

import csv
import io
import json
import random
from collections import Counter, defaultdict
from fractions import Fraction
from math import comb, log10
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from cxr_duck import ExperimentData
from cxr_duck.errors import CxrError
from cxr_duck.index.pairs import _tested, probability_text
from tests.conftest import Run
from tests.support.label_rows import USUAL, write_labels

WORDS = ["nodule", "granuloma", "pulmonary mass", "scoliosis", "kyphosis", "pneumonia"]
UNITS = {"image": "ImageID", "study": "StudyID", "patient": "PatientID"}


def made_up(seed: int) -> list[dict[str, str]]:
    """Return label rows of patients with some studies, a study with some images and one report."""
    chance = random.Random(seed)
    rows = []
    for patient in range(40):
        for study in range(chance.randint(1, 3)):
            labels = chance.sample(WORDS, chance.randint(0, 3)) or chance.choice(
                [["normal"], ["exclude"], ["unchanged"], ["normal", "exclude"], []]
            )
            if "nodule" in labels and chance.random() < 0.7:
                labels = sorted({*labels, "granuloma", "unchanged"})
            by_hand = chance.choice(["Physician", "RNN_model"])
            for image in range(chance.randint(1, 3)):
                rows.append({
                    **USUAL, "ImageID": f"{patient}-{study}-{image}.png",
                    "PatientID": f"p{patient}", "StudyID": f"s{patient}-{study}",
                    "Labels": str(labels), "MethodLabel": by_hand,
                })  # fmt: skip
    return rows


def cleaned(row: dict[str, str]) -> set[str]:
    """Return the findings of a label row after PadChest's clean-up, by hand."""
    found = set(json.loads(row["Labels"].replace("'", '"')))
    for weak in ("exclude", "normal"):
        if len(found) > 1:
            found.discard(weak)
    return found


def two_sided(together: int, observed: int, asked: int, total: int) -> float:
    """Return twice the smaller tail of the hypergeometric distribution, exactly."""
    ways = {
        k: comb(asked, k) * comb(observed - asked, total - k)
        for k in range(max(0, asked + total - observed), min(asked, total) + 1)
    }
    less = Fraction(sum(way for k, way in ways.items() if k <= together), sum(ways.values()))
    more = Fraction(sum(way for k, way in ways.items() if k >= together), sum(ways.values()))
    return min(1.0, float(2 * min(less, more)))


def by_hand(rows: list[dict[str, str]], asked: set[str], unit: str) -> dict[str, Any]:
    """Count pairs row by row: {finding: (images, together, total, lift, p)} and the totals."""
    seen: dict[str, set[str]] = defaultdict(set)
    images: Counter[str] = Counter()
    for row in rows:
        found = cleaned(row) - {"exclude", "unchanged"}
        if found:
            seen[row[UNITS[unit]]] |= found
        if found & asked:
            images.update(found)
    holders = {key for key, found in seen.items() if found & asked}
    pairs = {}
    for finding in set().union(*seen.values()) - asked - {"normal"}:
        total = sum(finding in found for found in seen.values())
        together = sum(finding in seen[key] for key in holders)
        lift = (together / len(seen)) / (len(holders) / len(seen) * total / len(seen))
        p = two_sided(together, len(seen), len(holders), total)
        pairs[finding] = (images[finding], together, total, lift, p)
    return {"pairs": pairs, "observed": len(seen), "asked": len(holders)}


@pytest.fixture(scope="module", params=[1, 2, 3])
def labelled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ExperimentData, list[dict[str, str]]]:
    """A made-up repository, indexed, and its rows."""
    folder = tmp_path_factory.mktemp("labelled")
    rows = made_up(request.param)
    data = ExperimentData(
        labels_csv=write_labels(folder / "labels.csv", rows), store=folder / "store"
    )
    data.create_index()
    return data, rows


@pytest.mark.sampled
def test_findings(labelled: tuple[ExperimentData, list[dict[str, str]]]) -> None:
    """A row a finding, most frequent first: images, patients, studies, share labelled by hand."""
    data, rows = labelled
    wanted = []
    diagnoses = data.sql("SELECT term FROM terms WHERE tree = 'diagnosis'")["term"].to_pylist()
    for finding in sorted(set().union(*map(cleaned, rows))):
        found = [row for row in rows if finding in cleaned(row)]
        wanted.append({
            "finding": finding, "images": len(found),
            "patients": len({row["PatientID"] for row in found}),
            "studies": len({row["StudyID"] for row in found}),
            "physician_share": sum(r["MethodLabel"] == "Physician" for r in found) / len(found),
            "kind": "diagnosis" if finding in diagnoses else "finding",
        })  # fmt: skip
    wanted.sort(key=lambda row: -row["images"])
    assert data.findings().to_pylist() == wanted
    assert list(data.index) == sorted(row["finding"] for row in wanted)


@pytest.mark.parametrize("unit", UNITS)
def test_pairs_of_a_finding(
    labelled: tuple[ExperimentData, list[dict[str, str]]], unit: str
) -> None:
    """Counts, lift and p are those of a walk over the rows, for each unit that is counted."""
    data, rows = labelled
    found = data.pairs("nodule", unit=unit)
    wanted = by_hand(rows, {"nodule"}, unit)
    assert (found.observed, found.asked) == (wanted["observed"], wanted["asked"])
    got = {
        row["finding"]: (row["images"], row["together"], row["total"], row["lift"], row["p"])
        for row in found.table.to_pylist()
    }
    assert got.keys() == wanted["pairs"].keys()
    for finding, numbers in wanted["pairs"].items():
        assert got[finding] == pytest.approx(numbers, rel=1e-9), finding


def test_pairs_under_a_term(labelled: tuple[ExperimentData, list[dict[str, str]]]) -> None:
    """With --under an image counts once for the term, whose findings are no partners."""
    data, rows = labelled
    found = data.pairs("nodular", under=True, hierarchy="paper", unit="image")
    wanted = by_hand(rows, {"nodule", "granuloma", "pulmonary mass"}, "image")
    got = {row["finding"]: (row["images"], row["total"]) for row in found.table.to_pylist()}
    assert found.asked == wanted["asked"]
    assert got == {key: (pair[0], pair[2]) for key, pair in wanted["pairs"].items()}
    assert got.keys() == {"scoliosis", "kyphosis", "pneumonia"}


def test_order_and_adjustment(labelled: tuple[ExperimentData, list[dict[str, str]]]) -> None:
    """Pairs come by p, then lift; q is the least p m / rank from there on (Benjamini-Hochberg)."""
    rows = labelled[0].pairs("nodule").table.to_pylist()
    assert rows == sorted(rows, key=lambda row: (row["p"], -row["lift"], row["finding"]))
    adjusted = [row["p"] * len(rows) / rank for rank, row in enumerate(rows, 1)]
    wanted = [min(1.0, *adjusted[place:]) for place in range(len(rows))]
    assert [row["q"] for row in rows] == pytest.approx(wanted)
    assert rows[0]["finding"] == "granuloma"


def exact_log10_p(together: int, observed: int, asked: int, total: int) -> float:
    """Return the decimal logarithm of p, added up in whole numbers of any length."""
    least, most = max(0, asked + total - observed), min(asked, total)
    ways = [comb(asked, k) * comb(observed - asked, total - k) for k in range(least, most + 1)]
    tail = min(sum(ways[: together - least + 1]), sum(ways[together - least :]))
    return min(0.0, log10(2 * tail) - log10(sum(ways)))


# (units with both, units, with the asked finding, with the other)
MARGINS = [
    (2000, 9000, 2000, 2000), (1999, 9000, 2000, 2000), (1400, 9000, 1500, 2000),
    (0, 9000, 3000, 2500), (900, 4000, 1000, 3900), (500, 9000, 2000, 2250), (0, 7, 3, 2),
    (3, 8, 4, 4), (0, 40, 0, 5), (5, 5, 5, 5),
]  # fmt: skip


@pytest.mark.sampled
@pytest.mark.parametrize("margins", MARGINS)
def test_p_of_any_size(margins: tuple[int, int, int, int]) -> None:
    """p is the exact one however small it is, which a float can't say below 1e-308."""
    together, observed, asked, total = margins
    table = pyarrow.table({"finding": ["a"], "together": [together], "total": [total],
                           "lift": [1.0]})  # fmt: skip
    (row,) = _tested(table, observed, asked).to_pylist()
    wanted = exact_log10_p(together, observed, asked, total)
    assert row["log10_p"] == pytest.approx(wanted, rel=1e-12, abs=1e-12)
    assert row["log10_q"] == row["log10_p"]
    assert row["p"] == pytest.approx(10**wanted, rel=1e-9, abs=1e-307)


def test_p_of_the_lady_tasting_tea() -> None:
    """All four of eight cups: one way of 70 (R. A. Fisher, The Design of Experiments, 1935)."""
    table = pyarrow.table({"finding": ["a"], "together": [4], "total": [4], "lift": [2.0]})
    assert _tested(table, 8, 4)["p"].to_pylist() == pytest.approx([2 / 70])


@pytest.mark.full
def test_order_of_what_is_too_small_for_a_float() -> None:
    """Pairs whose p is 0 as a float come by their true p, and q follows it."""
    both = {"a": 1700, "b": 2000, "c": 1000, "d": 1900, "e": 500}
    table = pyarrow.table({
        "finding": list(both), "together": list(both.values()), "total": [2000] * 5,
        "lift": [1.0] * 5,
    })  # fmt: skip
    rows = _tested(table, 9000, 2000).to_pylist()
    assert [row["finding"] for row in rows] == ["b", "d", "a", "c", "e"]
    assert [row["p"] for row in rows[:3]] == [0.0] * 3
    logs = [exact_log10_p(both[row["finding"]], 9000, 2000, 2000) for row in rows]
    adjusted = [log + log10(5 / rank) for rank, log in enumerate(logs, 1)]
    wanted = [min(0.0, *adjusted[place:]) for place in range(5)]
    assert [row["log10_q"] for row in rows] == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(
    ("logarithm", "told"),
    [(-411.92081875, "1.2e-412"), (-400.0, "1e-400"), (-399.9999, "1e-400"),
     (-999.5, "3.16e-1000"), (-308.0004345, "9.99e-309")],
)  # fmt: skip
def test_probability_text(logarithm: float, told: str) -> None:
    """A probability that no float can hold is told in three digits."""
    assert probability_text(logarithm) == told


def test_small_p_is_printed(tmp_path: Path, cxr: Run) -> None:
    """No format says that p is 0: a table has its digits, the others its logarithm."""
    rows = [
        {**USUAL, "ImageID": f"{n}.png", "PatientID": f"p{n}", "StudyID": f"s{n}",
         "Labels": "['nodule', 'granuloma']" if n < 600
         else "['scoliosis']" if n < 700 else "['kyphosis']"}
        for n in range(2400)
    ]  # fmt: skip
    store = tmp_path / "store"
    labels = write_labels(tmp_path / "labels.csv", rows)
    ExperimentData(labels_csv=labels, store=store).create_index()
    words = ("pairs", "nodule", "--store", store)
    wanted = exact_log10_p(600, 2400, 600, 600)
    assert wanted < -320
    printed = [line.split() for line in cxr(*words).out.splitlines()]
    assert printed[0] == ["finding", "images", "together", "total", "lift", "p", "q"]
    assert printed[1][-2:] == [probability_text(wanted), probability_text(wanted + log10(3))]
    found = json.loads(cxr(*words, "--format", "json").out)[0]
    assert (found["finding"], found["p"]) == ("granuloma", 0.0)
    assert found["log10_p"] == pytest.approx(wanted)
    assert found["log10_q"] == pytest.approx(wanted + log10(3))
    first = next(csv.DictReader(io.StringIO(cxr(*words, "--format", "csv").out)))
    assert float(first["log10_p"]) == found["log10_p"]


def test_formats(demo_data: ExperimentData, cxr: Run) -> None:
    """The same rows in each format; a table has three digits, the others all."""
    store = demo_data.store.path
    rows = demo_data.findings().to_pylist()
    assert json.loads(cxr("findings", "--format", "json", "--store", store).out) == rows
    printed = cxr("findings", "--format", "csv", "--store", store).out
    assert [
        {**row, "physician_share": float(row["physician_share"])}
        for row in csv.DictReader(io.StringIO(printed))
    ] == [{k: v if k == "physician_share" else str(v) for k, v in row.items()} for row in rows]
    raw = cxr("findings", "--format", "parquet", "--store", store).out
    table = pyarrow.parquet.read_table(io.BytesIO(raw.encode("utf-8", "surrogateescape")))
    assert table.to_pylist() == rows
    ran = cxr("findings", "--limit", "3", "--store", store)
    assert ran.err == "the first 3 rows; --limit 0 shows all\n"
    lines = ran.out.splitlines()
    assert lines[0].split() == list(rows[0])
    numbers = [f"{rows[0][k]:.3g}" for k in list(rows[0])[1:-1]]
    assert lines[1].split() == ["normal", *numbers, "finding"]
    assert len(lines) == 4
    ran = cxr("findings", "--limit", "0", "--store", store)
    assert (len(ran.out.splitlines()), ran.err) == (len(rows) + 1, "")


MISTAKES = [
    (["nodul"], "no image has the finding 'nodul': did you mean nodule"),
    (["not-normal"], "'not-normal' is a term of a hierarchy that no image has as its finding"),
    (["nodul", "--under"], "the hierarchy padchest has no term 'nodul'"),
    (["nodule", "--unit", "film"], "the unit 'film' can't be counted: take one of image, study, p"),
    (["normal"], "normal can't be paired: an image with normal has no other finding"),
    (["localization", "--under"], "'localization' is a localization, and classes are made of"),
]


@pytest.mark.parametrize(("words", "sentence"), MISTAKES, ids=[" ".join(w) for w, _ in MISTAKES])
def test_mistakes(demo_data: ExperimentData, cxr: Run, words: list[str], sentence: str) -> None:
    """What can't be paired is told in one sentence."""
    ran = cxr("pairs", *words, "--store", demo_data.store.path)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"Error: {sentence}")
    assert ran.err.count("\n") == 1


def test_pure_index_has_no_pairs(tmp_path: Path) -> None:
    """Where each image has one finding by construction, a count of pairs would mislead."""
    data = ExperimentData(
        labels_csv=write_labels(tmp_path / "labels.csv", made_up(1)), store=tmp_path / "store"
    )
    data.create_index(pure_terms=True)
    with pytest.raises(CxrError, match="this index holds only images with exactly one finding"):
        data.pairs(next(iter(data.index)))


def test_studies_are_unique_within_a_patient_only(tmp_path: Path) -> None:
    """Two patients whose studies have the same id have two studies, for findings and pairs."""
    rows = [
        {**USUAL, "ImageID": f"{number}.png", "PatientID": f"p{number // 2}", "StudyID": "s",
         "Labels": "['nodule', 'scoliosis']"}
        for number in range(4)
    ]  # fmt: skip
    data = ExperimentData(
        labels_csv=write_labels(tmp_path / "labels.csv", rows), store=tmp_path / "store"
    )
    data.create_index()
    assert [row["studies"] for row in data.findings().to_pylist()] == [2, 2]
    assert data.pairs("nodule").observed == 2
    assert data.why("0.png").study_images == ["1.png"]
