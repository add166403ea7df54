"""Label rows for two engines to disagree on: cells that are hardly numbers, dates or lists."""

from pathlib import Path

import duckdb

from cxr_duck.engines.sql_text import identifier, quoted
from cxr_duck.terms.hierarchy import built_in_hierarchies
from tests.support.label_rows import COLUMNS, ODDITIES, USUAL, rows_of

NUMBERS = [
    "1d", "1_000", " 1 ", "+1", "-1", "+-1", "--1", "1.", ".5", "-.5", "1e5", "1E+5", "1e-5", "1e",
    "e5", ".", "-", "+", "1e400", "-1e400", "1e-400", "inf", "-Infinity", "NaN", "1f", "1D", "0x10",
    "1,5", "1 2", "\t1", "1\n", "\u00a01", "\uff11", "٣", "9999999999999999999", "2.5", "-2.5",
    "2.0", "-0.0", "1e9", "1e15", "999999999", "null", "1;", "'1'", "1\u2028", "true",
]  # fmt: skip
DATES = [
    "2014010", "201401011", "20140230", "20140229", "20160229", "2014-1-1", "2014 1 1", "2014+1+1",
    "2014010a", "\uff120140101", "00000101", "00000000", "99991231", "2014010\n", "2014.1.1",
    " 2014010", "201401T1", "14-01-01", "20141301", "20140100", "epoch   ",
    "20140101.0", "20140101.", "20140101.00", "20140101.5", "2.0140101e7",
]  # fmt: skip
LISTS = [
    "['a' ,'b']", "[\u00a0'a\u00a0']", "['a\u00a0', 'a', ' a ']", "['\u3000a', 'b\u2003']", "[nan]",
    "['a'\n 'b']", "['a']\n", "['a']\r\n", "['a']\u2028", "[\x0b'a']", "[\t'a',\f'b']",
    "['a', \"b's\"]", "['é', 'ß', 'İ']", "not a list", "['a','b',]", "['😀 side', '😀']", "[\"a\"]",
    "['a', 'b'", "[,]", "['exclude', 'normal', 'a ', 'a']", "['normal', 'exclude']", "['a'], ['b']",
    "[['a']]", "['\\']", "[ ]", "['loc right', 'loc left ', 'loc  right']",
    "['A', 'a', 'Z', 'é', 'z']", "['a\nb']", "['a', ''b']", "['%', '_', '$1', '\\1']",
    "['a' 'b']", "['a' , 'b' , ]", "['a\x85']", "['a\x1c', 'b']", "['a\\', 'b']",
]  # fmt: skip
SENTENCES = [
    "[['a left side', 'loc right'], nan]", "[['a', 'loc right'], ['b bilateral\u00a0']]",
    "['a', ' b', 'loc left', 'c both sides']", "[['a  ', '  loc x'], ['b side']]", "[nan, ['a']]",
    "['a bilateral', 'b right side', 'loc bilateral']", "[['a'], ['loc left', 'loc right', 'a']]",
    "[[\"it's a\", 'loc x'], ['b']]", "[ 'a', \"b's left side\" ]", "[['a']]\n", "[]", "[[]]",
    "[['']]", "['', 'loc x']", "[['a\u00a0 both side ', 'loc y']]", "['😀 left side', 'loc 😀']",
    "[['a'",
]  # fmt: skip
WHOLE = ["3.0", "3.00", "3.", ".0", "-3.0", " 3.0", "\uff13.0", "x.0"]
IDS = ["", " ", "\u00a0", "\u2003x\u00a0", " x ", "a/b", "a\\b", ".", "..", "x\n", "\tx", "é", "😀"]
_NUMBERED = [
    "", "PatientBirth", "PixelRepresentation_DICOM", "SpatialResolution_DICOM", "BitsStored_DICOM",
    "WindowCenter_DICOM", "WindowWidth_DICOM", "Rows_DICOM", "Columns_DICOM",
    "XRayTubeCurrent_DICOM", "Exposure_DICOM", "ExposureInuAs_DICOM", "ExposureTime",
    "RelativeXRayExposure_DICOM", "PixelAspectRatio_DICOM",
]  # fmt: skip
_ODD = {
    **dict.fromkeys(_NUMBERED, NUMBERS),
    "StudyDate_DICOM": DATES,
    "ImageDir": WHOLE,
    "ReportID": WHOLE,
    "Labels": LISTS,
    "Localizations": LISTS,
    "LabelsLocalizationsBySentence": [*SENTENCES, *LISTS],
    "labelCUIS": LISTS,
    "ImageID": [f"{text}" for text in IDS],
    "PatientID": IDS,
    "StudyID": IDS,
    "Pediatric": ["PED", "No", "no", "PED ", "", "\u00a0No"],
    "Report": ["", "a\\b 'c' \"d\" $1 %", "\u2028", "x\x1fy", "😀"],
}


def odd_rows() -> list[dict[str, str]]:
    """Return the hand-written oddities, a row for each odd cell of each column, and repeats."""
    cells = [{column: cell} for column, odd in _ODD.items() for cell in odd]
    findings = {"Labels": "['a', 'a left side']", "Localizations": "['loc x', 'loc right']"}
    rows = rows_of([odd for odd, _, _ in ODDITIES])
    rows += [
        {
            **USUAL,
            **findings,
            "ImageID": f"odd{number:04d}.png",
            "PatientID": f"p{number % 7}",
            **cell,
        }
        for number, cell in enumerate(cells)
    ]
    return [*rows, rows[0], {**rows[1], "PatientSex_DICOM": "M"}]


_MADE_UP = """
WITH rows AS (
    SELECT
        range AS number,
        list_transform(
            range(1 + range % 3), lambda place: list_extract($findings, CAST(
                1 + md5_number_lower(concat(range, '|', place)) % len($findings) AS BIGINT
            ))
        ) AS labels,
        concat('loc ', list_extract($places, CAST(
            1 + md5_number_lower(concat(range, '|place')) % len($places) AS BIGINT
        ))) AS place,
        range % 5 = 0 AS by_hand,
    FROM range($rows)
),

said AS (
    SELECT
        *,
        list_transform(labels, lambda label: concat(
            '''', label, CASE WHEN number % 17 = 0 THEN ' left side' ELSE '' END, ''''
        )) AS quoted,
    FROM rows
)

SELECT
    number AS "row",
    concat('made', number, '.png') AS "ImageID",
    number % 10 AS "ImageDir",
    strftime(DATE '2007-01-01' + CAST(number * 7919 % 4000 AS INTEGER), '%Y%m%d')
        AS "StudyDate_DICOM",
    concat('study', number // 2) AS "StudyID",
    concat('patient', number // 4) AS "PatientID",
    concat(1920 + number // 4 % 90, '.0') AS "PatientBirth",
    CASE WHEN by_hand THEN 'Physician' ELSE 'RNN_model' END AS "MethodLabel",
    concat('[''', array_to_string(labels, ''', '''), ''']') AS "Labels",
    CASE WHEN number % 3 = 0 THEN concat('[''', place, ''', ''loc left'']') ELSE '[]' END
        AS "Localizations",
    CASE
        WHEN by_hand THEN concat('[[', array_to_string(quoted, '], ['), ', ''', place, ''']]')
        ELSE concat('[', array_to_string(quoted, ', '), ', ''', place, ''', '' loc left'']')
    END AS "LabelsLocalizationsBySentence",
FROM said
ORDER BY number
"""


def write_made_up_labels(path: Path, rows: int) -> Path:
    """Write a label file of so many rows, with findings and places of the built-in hierarchy."""
    edges = next(tree for tree in built_in_hierarchies() if tree.name == "padchest").edges
    terms = {
        tree: sorted({term for term, _, _, kind in edges if (kind == "localization") == tree})
        for tree in (False, True)
    }
    connection = duckdb.connect()
    connection.execute(
        f"CREATE TABLE made AS {_MADE_UP}",
        {"rows": rows, "findings": terms[False], "places": terms[True]},
    )
    made = {name for (name, *_) in connection.execute("DESCRIBE made").fetchall()}
    columns = ", ".join(
        f"made.row AS {identifier('first')}"
        if not column
        else (identifier(column) if column in made else f"{quoted(USUAL[column])} AS {column}")
        for column in COLUMNS
    )
    connection.execute(f"COPY (SELECT {columns} FROM made) TO {quoted(path)} (HEADER)").fetchall()
    header, _, rest = path.read_text(encoding="utf-8").partition("\n")
    path.write_text(f"{header.removeprefix('first')}\n{rest}", encoding="utf-8")
    return path
