"""How a label file is told apart into records: one way, or a sentence that names the line."""

import csv
import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_duck import CxrError, ExperimentData
from cxr_duck.sources.csv_text import open_csv
from cxr_duck.sources.records import count_plain, records_of
from tests.conftest import Run, examples
from tests.support.label_rows import COLUMNS, rows_of, write_labels

HEADER = "a,b,c\n"

# (text below the header, the records: number, line, text, and whether each has its three fields)
READ: list[tuple[str, list[tuple[int, int, str, bool]]]] = [
    ("1,2,3\n", [(1, 2, "1,2,3", True)]),
    ("1,2,3", [(1, 2, "1,2,3", True)]),
    ("\n\n1,2,3\n\n", [(1, 4, "1,2,3", True)]),
    ("\n1,2\n1,2,3,4\n", [(1, 3, "1,2", False), (2, 4, "1,2,3,4", False)]),
    ('1,"x\ny",3\n4,5,6\n', [(1, 2, '1,"x\ny",3', True), (2, 4, "4,5,6", True)]),
    ('1,"x ""y"", z",3\n', [(1, 2, '1,"x ""y"", z",3', True)]),
    ('1,"x\r\ny",3\r\n4,5,6\n', [(1, 2, '1,"x\r\ny",3', True), (2, 4, "4,5,6", True)]),
    ("1,2,3,\n4,5,6\n", [(1, 2, "1,2,3,", False), (2, 3, "4,5,6", True)]),
    ("1,2,3\r\n\r\n4,5,6\n", [(1, 2, "1,2,3", True), (2, 4, "4,5,6", True)]),
    (" \n1,2,3\n", [(1, 2, " ", False), (2, 3, "1,2,3", True)]),
    ('1,x"y"z,3\n4,5,6\n', [(1, 2, '1,x"y"z,3', False), (2, 3, "4,5,6", True)]),
    ('1,"x"y,3\n', [(1, 2, '1,"x"y,3', False)]),
    ("é,ñ,😀\n", [(1, 2, "é,ñ,😀", True)]),
]

# (text below the header, the first line that leaves it in doubt where a record ends)
DOUBTFUL: list[tuple[str, int]] = [
    ('1,"2,3\n4,5,6\n', 2),
    ('1,2,3\n4,"5\n6,7,8\n', 3),
    ('1,2"x,3\n4,5"x,6\n', 2),
    ('1,"x\ny",3\n4,"x\ny"z,6\n', 4),
    ('1,x"y,"z\n4,5,6\n', 2),
    ("1,2,3\n4,5\r,6\n", 3),
    ("1,2,3\r4,5,6\n", 2),
    ('1,2,3\n4,5,"', 3),
]


def written(folder: Path, below: str, header: str = HEADER) -> Path:
    """Write a CSV file."""
    path = folder / "made.csv"
    path.write_bytes((header + below).encode())
    return path


@pytest.mark.parametrize(("below", "expected"), READ)
def test_records(tmp_path: Path, below: str, expected: list[tuple[int, int, str, bool]]) -> None:
    """Every line but an empty one is in a record, which has its number, its line and its text."""
    found = list(records_of(open_csv(written(tmp_path, below), "label file")))
    assert [
        (record.number, record.line, record.text.decode(), record.problem is None)
        for record in found
    ] == expected
    for record in found:
        assert record.problem is None or record.problem.endswith(f": line {record.line}")


@pytest.mark.parametrize("block", [1, 2, 3, 7])
@pytest.mark.parametrize(("below", "expected"), READ)
def test_records_in_blocks(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    below: str,
    expected: list[tuple[int, int, str, bool]],
    block: int,
) -> None:
    """Where a block of the file ends, nothing else ends."""
    monkeypatch.setattr("cxr_duck.sources.csv_text._BLOCK", block)
    text = open_csv(written(tmp_path, below), "label file")
    assert [record.text.decode() for record in records_of(text)] == [row[2] for row in expected]
    plain = all(row[3] for row in expected) and "\n\n" not in below and "\r" not in below
    assert count_plain(text) == (len(expected) if plain and below[0] != "\n" else None)


@pytest.mark.parametrize(("below", "line"), DOUBTFUL)
def test_doubtful_records(tmp_path: Path, below: str, line: int) -> None:
    """Where readers would end a record in different places, the file is refused at that line."""
    text = open_csv(written(tmp_path, below), "label file")
    assert count_plain(text) is None
    with pytest.raises(CxrError, match=rf"can't be told apart into records: in line {line} a "):
        list(records_of(text))


def test_record_without_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record of more than a million bytes is a quote that was not closed."""
    text = open_csv(written(tmp_path, '1,2,3\n4,"' + 400_000 * "x,\n" + '",6\n'), "label file")
    assert count_plain(text) is None
    with pytest.raises(CxrError, match="in line 3 a record begins that is longer than 1,0"):
        list(records_of(text))


@pytest.mark.sampled
@pytest.mark.parametrize(
    "ends", ["\r\n|\r\n|\r\n|", "\r|\r|\r|\r", "\n|\n|\r\n|\n", "\r\n|\n|\n|\n"]
)
def test_line_ends(tmp_path: Path, ends: str) -> None:
    """Lines end in LF, CR LF or CR, and one CR LF among LF is a line end too."""
    labels = write_labels(tmp_path / "labels.csv", rows_of([{}, {"Report": "x, y"}, {}]))
    lines = zip(labels.read_text().splitlines(), ends.split("|"), strict=True)
    labels.write_bytes("".join(map("".join, lines)).encode())
    data = ExperimentData(labels_csv=labels, store=tmp_path / "store")
    counts = data.create_index()
    assert (counts["images"], counts["rejects"]) == (3, 0)
    assert data.sql("SELECT max(report) AS report FROM images").to_pylist() == [{"report": "x, y"}]
    kept = data.sql("SELECT DISTINCT localization_cuis FROM images").to_pylist()
    assert kept == [{"localization_cuis": []}]


@pytest.mark.parametrize("gzipped", [False, True])
def test_text_that_is_not_utf8(tmp_path: Path, cxr: Run, gzipped: bool) -> None:
    """One byte that is no UTF-8, far below the header, is told with its line and the remedy."""
    rows = rows_of({"Report": "corazón"} for _ in range(2_000))
    content = write_labels(tmp_path / "labels.csv", rows).read_bytes()
    place = content.rindex("ó".encode())
    content = content[:place] + "ó".encode("latin-1") + content[place + 2 :]
    labels = tmp_path / ("latin.csv.gz" if gzipped else "latin.csv")
    labels.write_bytes(gzip.compress(content, 1) if gzipped else content)
    ran = cxr("index", labels, "--store", tmp_path / "store")
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert "is no CSV text in UTF-8: line 2,001 holds the byte 0xf3" in ran.err
    read = "'gunzip -c latin.csv.gz | iconv" if gzipped else "'iconv"
    assert f"{read} -f WINDOWS-1252 -t UTF-8" in ran.err
    assert not (tmp_path / "store" / "cxr.duckdb").exists()


PIECES = ['"', '""', '"""', ",", "\n", "\n\n", "\r\n", "\r", " ", '",', ',"', "']", "\\", "\x1f"]
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["put", "cut", "drop", "end", "repeat"]),
        st.integers(0, 10**6),
        st.sampled_from(PIECES),
    ),
    min_size=1,
    max_size=4,
)


def edited(text: str, edits: list[tuple[str, int, str]]) -> str:
    """Return a label file with pieces put into it, or taken out, at any places below its header."""
    header, _, below = text.partition("\n")
    for edit, number, piece in edits:
        places = [at for at, letter in enumerate(below) if letter in ',"\n'] or [0]
        place = places[number % len(places)] + number % 2
        if edit == "put":
            below = below[:place] + piece + below[place:]
        elif edit == "cut":
            below = below[:place] + below[place + 1 :]
        elif edit == "drop":
            below = below[:place] + below[place + number % 300 :]
        elif edit == "end" and number % 3 == 0:
            below = below[:place]
        elif edit == "repeat":
            lines = below.split("\n")
            below = "\n".join([*lines, lines[number % len(lines)]])
    return f"{header}\n{below}"


def as_python_reads(path: Path) -> list[tuple[list[str], str]]:
    """Return fields and text of each record by Python's csv module."""
    lines: list[str] = []
    records = []
    with path.open(encoding="utf-8", newline="") as file:
        for fields in csv.reader(lines.append(line) or line for line in file):  # type: ignore[func-returns-value]
            if fields:
                text = "".join(lines)
                records.append((fields, text.removesuffix("\n").removesuffix("\r")))
            lines.clear()
    return records[1:]


@pytest.mark.full
@examples(40)
@given(st.integers(0, 560), st.integers(3, 30), EDITS)
def test_damaged_file_is_read_as_python_reads_it(
    demo: Path,
    tmp_path_factory: pytest.TempPathFactory,
    start: int,
    count: int,
    edits: list[tuple[str, int, str]],
) -> None:
    """Wherever quotes, commas and lines are damaged, each record is an image or a reject, once.

    Its number, text and fields are those that Python's csv module finds; else nothing is indexed.
    """
    folder = tmp_path_factory.mktemp("damaged")
    with (demo / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[start : start + count]
    labels = write_labels(folder / "labels.csv", rows)
    labels.write_bytes(edited(labels.read_bytes().decode(), edits).encode())
    data = ExperimentData(labels_csv=labels, store=folder / "store")
    try:
        data.create_index(allow_rejects=True)
    except CxrError:
        assert not (folder / "store" / "cxr.duckdb").exists()
        return
    records = as_python_reads(labels)
    rejects = {row["row"]: row["raw"] for row in data.sql("FROM rejects").to_pylist()}
    images = {
        row["image_id"]: row
        for row in data.sql("SELECT image_id, patient_id, report FROM images").to_pylist()
    }
    assert len(images) + data.sql("FROM rejects").num_rows == len(records)
    assert rejects == {number: records[number - 1][1] for number in rejects}
    for number, (fields, _) in enumerate(records, 1):
        if number not in rejects:
            row = dict(zip(COLUMNS, fields, strict=True))
            image = images.pop(row["ImageID"].strip(" "))
            assert image["patient_id"] == row["PatientID"].strip(" ")
            assert image["report"] in (row["Report"], None)
    assert not images
