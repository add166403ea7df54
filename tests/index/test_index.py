"""From a label file to images, postings and rejects."""

import csv
import datetime
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_duck import CxrError, ExperimentData
from tests.conftest import Run, examples
from tests.support.label_rows import COLUMNS, ODDITIES, repository, rows_of, write_labels


def index(folder: Path, rows: list[dict[str, str]], **options: bool) -> ExperimentData:
    """Index rows in a new store below a folder."""
    labels = write_labels(folder / "labels.csv", rows)
    data = ExperimentData(labels_csv=labels, store=folder / "store")
    data.create_index(allow_rejects=True, **options)
    return data


@pytest.mark.parametrize("number", range(len(ODDITIES)))
def test_cleanup_of_labels(odd_data: ExperimentData, number: int) -> None:
    """PadChest's own rule: trim, drop empty ones, deduplicate; exclude and normal give way."""
    odd, findings, localizations = ODDITIES[number]
    row = odd_data.sql(
        f"SELECT findings, localizations FROM images WHERE image_id = 'image{number:03d}.png'"
    ).to_pylist()
    assert row == [{"findings": findings, "localizations": localizations}], odd


def test_postings_are_those_of_the_images(odd_data: ExperimentData) -> None:
    """Every finding maps to the images that have it, in the order of their ids."""
    listed: dict[str, list[str]] = {}
    for number, (_, findings, _) in enumerate(ODDITIES):
        for finding in findings:
            listed.setdefault(finding, []).append(f"image{number:03d}.png")
    assert {finding: found.image_ids for finding, found in odd_data.index.items()} == listed


def test_columns_are_typed(tmp_path: Path) -> None:
    """Words become NULL, years and sizes whole numbers, 39 digits stay text."""
    long_id = "9" * 39
    odd = {
        "PatientID": long_id, "PatientBirth": "1930.0", "PatientSex_DICOM": "nan",
        "WindowCenter_DICOM": "5.115000e+02", "WindowWidth_DICOM": "None", "Pediatric": "PED",
        "PixelAspectRatio_DICOM": "['1', '1']", "labelCUIS": "['C0205307' '']", "": "41",
    }  # fmt: skip
    data = index(tmp_path, rows_of([odd, {"PatientBirth": "", "Projection": "L"}]))
    first, second = data.sql("SELECT * FROM images ORDER BY image_id").to_pylist()
    expected = {
        "source": "padchest", "patient_id": long_id, "birth_year": 1930, "age": 84, "sex": None,
        "window_center": 511.5, "window_width": None, "pediatric": True, "frontal": True,
        "pixel_aspect_ratio": [1.0, 1.0], "label_cuis": ["C0205307", ""], "source_row": 41,
        "study_date": datetime.date(2014, 3, 5), "height": 2000, "width": 1760,
        "relative_exposure": -1.2, "labels_text": "['normal']", "sentences": "[['normal']]",
        "present": None, "path": None,
    }  # fmt: skip
    assert {key: first[key] for key in expected} == expected
    assert (second["birth_year"], second["age"], second["frontal"]) == (None, None, False)


@pytest.mark.sampled
@pytest.mark.parametrize("names", [("", "Unnamed: 0"), ("Unnamed: 0.1", "Unnamed: 0"), ("", "")])
def test_label_file_saved_by_pandas(tmp_path: Path, cxr: Run, names: tuple[str, str]) -> None:
    """pandas puts an index in front, and a fraction behind whole numbers: nothing else changes."""
    whole = {"": "41", "StudyDate_DICOM": "20140305", "PatientBirth": "1950", "ImageDir": "3",
             "ReportID": "4991845", "Rows_DICOM": "2000", "BitsStored_DICOM": "12"}  # fmt: skip
    index(tmp_path, rows_of([whole, {}]))
    lines = (tmp_path / "labels.csv").read_text().splitlines()
    row = dict(zip(COLUMNS, next(csv.reader(lines[1:2])), strict=True))
    row |= {name: f"{value}.0" for name, value in whole.items()}
    saved = [*names, *COLUMNS[1:]], ["0", *row.values()]
    with (tmp_path / "saved.csv").open("w", newline="") as file:
        csv.writer(file).writerows(saved)
    ran = cxr("index", tmp_path / "saved.csv", "--store", tmp_path / "store")
    assert ran.code == 0
    assert ran.err == "saved.csv begins with an index, as pandas writes it: it is left out\n"
    assert "0 images added, 0 replaced, 1 unchanged" in ran.out
    data = ExperimentData(labels_csv=tmp_path / "saved.csv", store=tmp_path / "other")
    data.create_index()
    (found,) = data.sql("SELECT source_row, image_dir, report_id FROM images").to_pylist()
    assert found == {"source_row": 41, "image_dir": "3", "report_id": "4991845"}


@pytest.mark.sampled
@pytest.mark.parametrize(("refused", "rows", "allowed"), [
    (1, 2, False), (1, 10, True), (2, 19, False), (2, 20, True), (10, 400, True), (11, 400, False),
])  # fmt: skip
def test_run_that_refuses_many_rows(
    tmp_path: Path, cxr: Run, refused: int, rows: int, allowed: bool
) -> None:
    """More than one row in a hundred, of a short file ten or one in ten: an error, unless asked."""
    odd = [{"PatientID": ""}] + [{"PatientBirth": f"in {year}"} for year in range(1, refused)]
    data = index(tmp_path, rows_of([{}, {}]))
    write_labels(tmp_path / "more.csv", rows_of([{}] * (rows - refused) + odd))
    before = data.sql("SELECT count(*) AS n FROM images").to_pylist()
    ran = cxr("index", tmp_path / "more.csv", "--store", tmp_path / "store")
    assert ran.code == (0 if allowed else 1)
    if not allowed:
        most, first = (
            (refused - 1, "PatientBirth is no year: in 1") if refused > 2 else (1, "no PatientID")
        )
        assert ran.out == ""
        assert ran.err.count("\n") == 1
        assert f"{refused} of the {rows} rows of" in ran.err
        assert f"can't be taken, {most} of them for one reason" in ran.err
        assert f": {first}. Nothing is indexed" in ran.err
        assert data.sql("SELECT count(*) AS n FROM images").to_pylist() == before
        ran = cxr("index", tmp_path / "more.csv", "--allow-rejects", "--store", tmp_path / "store")
        assert ran.code == 0
    after = data.sql("SELECT (SELECT count(*) FROM images) AS images, count(*) AS n FROM rejects")
    assert after.to_pylist() == [{"images": max(2, rows - refused), "n": refused}]


def test_patients_are_not_merged_by_their_first_digits(tmp_path: Path) -> None:
    """Ids that are equal as floating-point numbers are different patients."""
    stem = "1234567890123456789012345678901234567"
    data = index(tmp_path, rows_of([{"PatientID": stem + "1"}, {"PatientID": stem + "2"}]))
    assert data.sql("SELECT count(DISTINCT patient_id) AS n FROM images").to_pylist() == [{"n": 2}]


# (what stands in the row, why it is refused)
UNREADABLE: list[tuple[dict[str, str], str]] = [
    ({"ImageID": ""}, "no ImageID"),
    ({"PatientID": "nan"}, "no PatientID"),
    ({"StudyID": "None"}, "no StudyID"),
    ({"ImageID": "../../etc/passwd"}, "ImageID is no plain file name: ../../etc/passwd"),
    ({"ImageID": "a\\b.png"}, "ImageID is no plain file name: a\\b.png"),
    ({"Labels": "normal"}, "Labels is no list"),
    ({"Labels": "['normal'"}, "Labels is no list"),
    ({"Labels": "['normal', nodule]"}, "Labels is no list"),
    ({"Labels": "['normal' 'nodule']"}, "Labels is no list"),
    ({"Labels": "['nodule\\n']"}, "Labels is no list"),
    ({"Labels": "['nodule\u00a0']"}, "Labels is no list"),
    ({"Localizations": "['loc left' 'loc right']"}, "Localizations is no list"),
    (
        {"LabelsLocalizationsBySentence": "[['normal' 'loc left']]"},
        "LabelsLocalizationsBySentence is no list",
    ),
    (
        {"LabelsLocalizationsBySentence": "['normal', 'loc\x1fleft']"},
        "LabelsLocalizationsBySentence is no list",
    ),
    ({"Localizations": "{}"}, "Localizations is no list"),
    ({"StudyDate_DICOM": "20141399"}, "StudyDate_DICOM is no date: 20141399"),
    ({"StudyDate_DICOM": "2014-03-05"}, "StudyDate_DICOM is no date: 2014-03-05"),
    ({"StudyDate_DICOM": "20140305.5"}, "StudyDate_DICOM is no date: 20140305.5"),
    ({"StudyDate_DICOM": "2.01403e+07"}, "StudyDate_DICOM is no date: 2.01403e+07"),
    ({"PatientBirth": "MCML"}, "PatientBirth is no year: MCML"),
    ({"PatientBirth": "1950.5"}, "PatientBirth is no year: 1950.5"),
    ({"Pediatric": "yes"}, "Pediatric is neither PED nor No: yes"),
    ({"PatientBirth": "inf"}, "PatientBirth is no year: inf"),
    ({"PatientBirth": "1e300"}, "PatientBirth is no year: 1e300"),
    ({"Rows_DICOM": "99999999999"}, "Rows_DICOM is no whole number: 99999999999"),
    ({"": "7.6"}, "the first column is no whole number: 7.6"),
    ({"PixelAspectRatio_DICOM": "wide"}, "PixelAspectRatio_DICOM is no pair of numbers: wide"),
    ({"ImageID": "  "}, "no ImageID"),
    ({"Rows_DICOM": "tall"}, "Rows_DICOM is no whole number: tall"),
    ({"WindowWidth_DICOM": "wide"}, "WindowWidth_DICOM is no number: wide"),
    (
        {"PatientID": "", "ExposureTime": "long"},
        "no PatientID; ExposureTime is no number: long",
    ),
]


@pytest.fixture(scope="module")
def unreadable(tmp_path_factory: pytest.TempPathFactory) -> ExperimentData:
    """Each record that can't be read between two that can."""
    rows = [row for odd, _ in UNREADABLE for row in ({}, odd)]
    return index(tmp_path_factory.mktemp("unreadable"), rows_of([*rows, {}]))


@pytest.mark.parametrize("number", range(len(UNREADABLE)))
def test_unreadable_record_is_refused(unreadable: ExperimentData, number: int) -> None:
    """A record that can't be read stands in rejects with its number, the reason and its text."""
    odd, reason = UNREADABLE[number]
    row = 2 * number + 2
    (reject,) = unreadable.sql(f"SELECT * FROM rejects WHERE row = {row}").to_pylist()
    assert (reject["file"], reject["reason"]) == ("labels.csv", reason)
    assert next(iter(odd.values())) in reject["raw"]


def test_records_beside_unreadable_ones_are_read(unreadable: ExperimentData) -> None:
    """What is refused takes no other record with it."""
    counts = unreadable.sql(
        "SELECT (SELECT count(*) FROM rejects) AS rejects, count(*) AS images FROM images"
    ).to_pylist()
    assert counts == [{"rejects": len(UNREADABLE), "images": len(UNREADABLE) + 1}]


def test_refused_text_can_be_read_again(tmp_path: Path) -> None:
    """The raw text of a refused record is the CSV that stood there, words and quotes included."""
    odd = rows_of([{"Report": 'a, "b"\nc', "PatientID": "", "PatientSex_DICOM": "nan"}])[0]
    data = index(tmp_path, [odd, {**odd, "ImageID": "other.png", "PatientID": "p"}])
    (reject,) = data.sql("SELECT raw FROM rejects").to_pylist()
    assert next(csv.reader([*reject["raw"].splitlines(keepends=True)])) == [
        odd[column] for column in COLUMNS
    ]


def test_repeated_image_is_taken_once(tmp_path: Path) -> None:
    """Of records that say the same of an image the first stays, whatever their old row number."""
    data = index(tmp_path, rows_of([{}, {"ImageID": "image000.png", "": "99"}]))
    (reject,) = data.sql("SELECT row, reason FROM rejects").to_pylist()
    assert reject == {"row": 2, "reason": "ImageID image000.png repeats row 1"}
    assert [len(data.index[finding]) for finding in data.index] == [1]


def test_records_that_differ_about_an_image_are_all_refused(tmp_path: Path) -> None:
    """Which of two different records is right can't be known, so neither becomes an image."""
    other = {"ImageID": "image000.png", "Labels": "['nodule']"}
    data = index(tmp_path, rows_of([{}, {}, other]))
    rejects = data.sql("SELECT row, reason FROM rejects ORDER BY row").to_pylist()
    reason = "ImageID image000.png is said in rows that differ, the first of them row 1"
    assert rejects == [{"row": 1, "reason": reason}, {"row": 3, "reason": reason}]
    assert list(data.index) == ["normal"]


def test_malformed_rows_keep_the_numbers_of_the_others(tmp_path: Path) -> None:
    """A row with too few or too many fields is refused; rows after it keep their own numbers."""
    labels = write_labels(tmp_path / "labels.csv", rows_of([{}, {"Report": "two\nlines"}, {}]))
    lines = labels.read_text(encoding="utf-8").splitlines(keepends=True)
    wrong = rows_of([{}, {}, {}, {}, {"PatientID": ""}])[4:]
    tail = write_labels(tmp_path / "tail.csv", wrong).read_text().splitlines(keepends=True)[1:]
    labels.write_text("".join([*lines[:2], "too,few\n", *lines[2:], "x," * 40 + "y\n", *tail]))
    data = ExperimentData(labels_csv=labels, store=tmp_path / "store")
    counts = data.create_index(allow_rejects=True)
    rejects = data.sql("SELECT row, reason, raw FROM rejects ORDER BY row").to_pylist()
    assert [(reject["row"], reject["reason"]) for reject in rejects] == [
        (2, "the record has 2 fields, the header 36: line 3"),
        (5, "the record has 41 fields, the header 36: line 7"),
        (6, "no PatientID"),
    ]
    assert rejects[0]["raw"] == "too,few"
    assert (counts["images"], counts["rejects"]) == (3, 3)


@pytest.mark.parametrize("gzipped", [False, True])
def test_plain_and_gzipped(tmp_path: Path, gzipped: bool) -> None:
    """A label file may be gzipped, may begin with a byte order mark, may lack the row number."""
    name = "labels.csv.gz" if gzipped else "labels[1].csv"
    labels = write_labels(tmp_path / name, rows_of([{}, {}]), COLUMNS[1:])
    if not gzipped:
        labels.write_bytes(b"\xef\xbb\xbf" + labels.read_bytes())
    data = ExperimentData(labels_csv=labels, store=tmp_path / "store")
    assert data.create_index()["images"] == 2
    assert data.sql("SELECT DISTINCT source_row FROM images").to_pylist() == [{"source_row": None}]


def test_pure_terms(tmp_path: Path) -> None:
    """A pure index holds only images with exactly one finding; images keeps them all."""
    rows = repository(4, [["nodule"], ["nodule", "scoliosis"]])
    data = index(tmp_path, rows, pure_terms=True)
    assert {finding: len(data.index[finding]) for finding in data.index} == {"nodule": 2}
    assert data.sql("SELECT count(*) AS n FROM images").to_pylist() == [{"n": 4}]


PURE_QUERIES = {
    "findings = 2": 0, "findings >= 1": 60, "frontal": 60, "NOT nodule": 30, "nodule": 30,
    "under(nodule)": 30, "nodule AND NOT scoliosis": 30, "nodule OR findings = 0": 30,
    "scoliosis OR frontal": 60,
}  # fmt: skip


@pytest.mark.full
def test_pure_index_answers_every_question_purely(tmp_path: Path) -> None:
    """Queries, their macro, images and recipes of a pure index hold images of one finding alone."""
    rows = repository(120, [["nodule"], ["nodule", "scoliosis"], [], ["scoliosis"]])
    data = index(tmp_path, rows, pure_terms=True)
    assert {query: data.count(query) for query in PURE_QUERIES} == PURE_QUERIES
    assert {query: len(list(data.ids(query))) for query in PURE_QUERIES} == PURE_QUERIES
    assert len(data.images()) == len(data.images("frontal")) == 60
    assert data.sql("FROM find_images('NOT scoliosis')").num_rows == 30
    made = data.create_dataset(classes={"one": "age > 1"}, name="one")
    assert made.recipe.pure
    assert made.members.num_rows == 60
    assert data.reproduce("one").same


@pytest.mark.sampled
@pytest.mark.parametrize("layout", ["{folder}/{name}", "images/{folder}/{name}", "{name}"])
def test_images_are_found_in_every_layout(tmp_path: Path, layout: str) -> None:
    """Files lie by ImageDir, below images/, or flat; a row without a file is marked missing."""
    root = tmp_path / "films"
    for name, folder in (("image000.png", "0"), ("image001.png", "3")):
        path = root / layout.format(name=name, folder=folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    labels = write_labels(tmp_path / "labels.csv", rows_of([{}, {"ImageDir": "3"}, {}]))
    data = ExperimentData(root, labels, store=tmp_path / "store")
    data.create_index()
    rows = data.sql("SELECT path, present FROM images ORDER BY image_id").to_pylist()
    assert [row["present"] for row in rows] == [True, True, False]
    assert all((root / row["path"]).is_file() for row in rows[:2])


ENDINGS = [
    # names of images, files, where the images are found
    (["a.png", "b.png"], ["a.jpg", "b.PNG"], ["a.jpg", "b.PNG"]),
    (["a", "b.c"], ["a.png", "b.c.dcm"], ["a.png", "b.c.dcm"]),
    (["a.png"], ["a.png", "a.jpg"], ["a.png"]),
    (["a.png", "c.png"], ["a.jpg", "a.dcm", "c.png"], [None, "c.png"]),
    (["a.png", "a.dcm", "c.png"], ["a.jpg", "c.png"], [None, None, "c.png"]),
    (["a.png", "a.jpg"], ["a.jpg"], [None, "a.jpg"]),
    (["a.png", "c.png"], ["A.jpg", "a.jpg.png", "c.png"], [None, "c.png"]),
]


@pytest.mark.sampled
@pytest.mark.parametrize(("names", "files", "found"), ENDINGS)
def test_files_with_another_ending(
    tmp_path: Path, cxr: Run, names: list[str], files: list[str], found: list[str | None]
) -> None:
    """A file named as an image up to its ending is the image's, if it is the only one of both."""
    root = tmp_path / "films"
    root.mkdir()
    for name in files:
        (root / name).write_bytes(b"x")
    labels = write_labels(tmp_path / "labels.csv", rows_of([{"ImageID": name} for name in names]))
    ran = cxr("index", labels, "--images", root, "--store", tmp_path / "store")
    data = ExperimentData(root, labels, store=tmp_path / "store")
    rows = data.sql("SELECT image_id, path, present FROM images").to_pylist()
    assert {row["image_id"]: row["path"] for row in rows} == dict(zip(names, found, strict=True))
    assert all(row["present"] == (row["path"] is not None) for row in rows)
    extra = data.sql("SELECT path FROM extra_files").to_pylist()
    assert {row["path"] for row in extra} == set(files) - set(found)
    other = sum(path not in (None, name) for name, path in zip(names, found, strict=True))
    assert ("under another ending" in ran.err) == bool(other)
    assert cxr("index", labels, "--images", root, "--store", tmp_path / "store").code == 0


def test_file_in_the_folder_of_its_row_wins(tmp_path: Path) -> None:
    """Where a name occurs twice, the file in the folder that the row names is taken."""
    root = tmp_path / "films"
    for folder in ("0", "5"):
        (root / folder).mkdir(parents=True)
        (root / folder / "image000.png").write_bytes(b"x")
    labels = write_labels(tmp_path / "labels.csv", rows_of([{"ImageDir": "5"}]))
    data = ExperimentData(root, labels, store=tmp_path / "store")
    data.create_index()
    assert data.sql("SELECT path FROM images").to_pylist() == [{"path": "5/image000.png"}]


def test_provenance_stands_in_the_parquet_files(tmp_path: Path) -> None:
    """A Parquet file says which version, which SQL and which label file made it."""
    import hashlib

    import pyarrow.parquet

    from cxr_duck import __version__
    from cxr_duck.engines.stages import stage

    data = index(tmp_path, rows_of([{}]))
    found = pyarrow.parquet.read_metadata(
        data.store.path / "data/000001/postings-0001.parquet"
    ).metadata
    digest = hashlib.sha256((tmp_path / "labels.csv").read_bytes()).hexdigest()
    assert found[b"cxr_duck_version"].decode() == __version__
    assert found[b"stage_sha256"].decode() == stage("postings").digest
    assert found[b"label_file_sha256"].decode() == digest


def test_folder_of_images_that_holds_none_of_them(tmp_path: Path) -> None:
    """A wrong folder of images is told, and nothing is published."""
    labels = write_labels(tmp_path / "labels.csv", rows_of([{}]))
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "holiday.png").write_bytes(b"x")
    data = ExperimentData(tmp_path / "films", labels, store=tmp_path / "store")
    with pytest.raises(CxrError, match=r"none of the images of labels\.csv is among the 1 image"):
        data.create_index()
    assert not (tmp_path / "store").exists()


def test_linked_folders_of_images(tmp_path: Path) -> None:
    """Folders linked from other disks are listed, a loop of links once."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "image000.png").write_bytes(b"x")
    (tmp_path / "disk" / "again").symlink_to(tmp_path / "disk")
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "0").symlink_to(tmp_path / "disk")
    labels = write_labels(tmp_path / "labels.csv", rows_of([{}, {}]))
    data = ExperimentData(tmp_path / "films", labels, store=tmp_path / "store")
    assert data.create_index()["found"] == 1


@pytest.mark.parametrize(("number", "words"), [(20, 100), (150, 20_000)])
def test_quote_that_is_never_closed(tmp_path: Path, number: int, words: int) -> None:
    """It would swallow rows: the file is refused, and the line is named."""
    rows = rows_of({"Report": "x, " * words} for _ in range(number))
    labels = write_labels(tmp_path / "labels.csv", rows)
    text = labels.read_text(encoding="utf-8")
    place = text.index("image009.png")
    labels.write_text(text[:place] + '"' + text[place:])
    data = ExperimentData(labels_csv=labels, store=tmp_path / "store")
    with pytest.raises(CxrError, match="can't be told apart into records: in line 11 a quote is"):
        data.create_index()
    assert not (tmp_path / "store").exists()


def test_label_file_of_windows(tmp_path: Path) -> None:
    """Lines may end in CR LF, within printed arrays too."""
    cuis = "['C0000001' 'C0000002'\n 'C0000003' '']"
    labels = write_labels(tmp_path / "labels.csv", rows_of([{"labelCUIS": cuis}, {}]))
    labels.write_bytes(labels.read_bytes().replace(b"\n", b"\r\n"))
    data = ExperimentData(labels_csv=labels, store=tmp_path / "store")
    assert data.create_index()["rejects"] == 0
    first = data.sql("SELECT label_cuis FROM images ORDER BY image_id LIMIT 1").to_pylist()
    assert first == [{"label_cuis": ["C0000001", "C0000002", "C0000003", ""]}]


def test_identifiers_are_trimmed(tmp_path: Path) -> None:
    """A blank beside an identifier makes no other patient."""
    data = index(tmp_path, rows_of([{"PatientID": " p1"}, {"PatientID": "p1 "}]))
    assert data.sql("SELECT DISTINCT patient_id FROM images").to_pylist() == [{"patient_id": "p1"}]


TERMS = ["normal", "exclude", "nodule", "scoliosis", "COPD signs", "unchanged"]
LABELS = st.lists(
    st.one_of(
        st.sampled_from(TERMS), st.sampled_from(TERMS).map(lambda term: f" {term}"), st.just("")
    ),
    max_size=5,
)


def walk(labels: list[str]) -> list[str]:
    """Return the findings of a label list as a plain walk has them."""
    found = sorted({label.strip() for label in labels} - {""})
    for weak in ("exclude", "normal"):
        if len(found) > 1:
            found = [finding for finding in found if finding != weak]
    return found


@examples(25)
@given(st.lists(LABELS, min_size=1, max_size=30))
def test_postings_equal_a_brute_force_walk(
    tmp_path_factory: pytest.TempPathFactory, repository: list[list[str]]
) -> None:
    """For any repository, the index is what a walk over its rows collects, and no row is lost."""
    data = index(
        tmp_path_factory.mktemp("walk"), rows_of({"Labels": str(labels)} for labels in repository)
    )
    walked: dict[str, list[str]] = {}
    for number, labels in enumerate(repository):
        for finding in walk(labels):
            walked.setdefault(finding, []).append(f"image{number:03d}.png")
    assert {finding: data.index[finding].image_ids for finding in data.index} == walked
    counts = data.sql(
        "SELECT (SELECT count(*) FROM images) + (SELECT count(*) FROM rejects) AS n"
    ).to_pylist()
    assert counts == [{"n": len(repository)}]


def test_unknown_finding_names_the_nearest(odd_data: ExperimentData) -> None:
    """A look-up of a misspelt finding fails as a KeyError that helps."""
    with pytest.raises(KeyError, match=r"no image has the finding 'noduel': did you mean nodule\?"):
        odd_data.index["noduel"]
    with pytest.raises(CxrError, match="did you mean COPD signs"):
        odd_data.index["copd signs"]
    with pytest.raises(CxrError, match='cxr terms "not-normal" shows what is below it'):
        odd_data.index["not-normal"]
    assert "noduel" not in odd_data.index


def test_postings_as_arrow_and_polars(odd_data: ExperimentData) -> None:
    """Ids and localizations come out as columns."""
    postings = odd_data.index["pulmonary fibrosis"]
    assert postings.arrow().to_pydict() == {
        "image_id": ["image017.png"],
        "localizations": [["loc basal"]],
    }
    assert postings.polars().rows() == [("image017.png", ["loc basal"])]
    assert json.dumps(list(postings)) == '[["image017.png", ["loc basal"]]]'
