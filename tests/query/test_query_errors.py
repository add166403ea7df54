"""What is wrong with a query is said in one sentence, with its column and a caret below it."""

from pathlib import Path

import pytest

from cxr_duck import ExperimentData
from cxr_duck.errors import CxrError, QueryError, UnknownTermError
from tests.conftest import Run
from tests.support.label_rows import USUAL, write_labels

# (query, column, a part of the sentence)
SYNTAX = [
    ("", 1, "the query is empty: write a finding, such as nodule"),
    (" \t", 1, "the query is empty"),
    ("nodule AND AND mass", 12, "'AND' stands where a finding, under(…), a field or NOT is"),
    ("OR nodule", 1, "'OR' stands where a finding, under(…), a field or NOT is expected"),
    ("nodule OR", 10, "the query ends where a finding, under(…), a field or NOT is expected"),
    ("NOT", 4, "the query ends where a finding"),
    ("()", 2, "')' stands where a finding"),
    ("nodule @", 9, "the query ends where a place, such as right or under(upper lobe), is"),
    ("nodule @ AND mass", 10, "'AND' stands where a place"),
    ("nodule @ @ right", 10, "'@' stands where a place"),
    ("(nodule OR mass) @ right", 18, "'@ PLACE' follows one finding or under(…)"),
    ("(nodule OR mass", 1, "the bracket opened here is not closed: ')' is expected"),
    ("nodule AND (mass OR (normal)", 12, "the bracket opened here is not closed"),
    ("age IN (1, 2", 8, "the bracket opened here is not closed"),
    ("nodule) OR mass", 7, "')' closes no bracket: take it out"),
    ("under(nodule OR mass)", 14, "'OR' stands where ')' is expected"),
    ("under nodule", 7, "'nodule' stands where '(' is expected"),
    ("under()", 7, "')' stands where a name or value is expected"),
    ('nodule "mass"', 8, "'\"mass\"' stands where AND, OR, @, a comparison or the end is expected"),
    ('"nodule', 1, 'the quote " is opened and not closed'),
    ("nodule AND ''", 12, "there is nothing between the quotes"),
    ("nodule ! mass", 8, "'!' has no meaning here"),
    ("nodule, mass", 7, "',' stands where AND, OR, @, a comparison or the end is expected"),
    ("age >=", 7, "the query ends where a name or value is expected"),
    ("age = 3 = 4", 9, "'=' stands where AND, OR or the end is expected"),
    ("age == 3", 6, "'=' stands where a name or value is expected"),
    ("age IN 3", 8, "'3' stands where '(' is expected"),
    ("age IN (3 AND 4)", 11, "'AND' stands where ',' or ')' is expected"),
    ("age NOT 3", 9, "'3' stands where IN, or AND before NOT, is expected"),
    ("age IS 3", 8, "'3' stands where NULL or NOT NULL is expected"),
    ("age IS NOT 3", 12, "'3' stands where NULL is expected"),
]
FIELDS = [
    ("agee >= 18", 1, "images have no field 'agee': did you mean age?"),
    ("nodule AND zzz = 1", 12, "images have no field 'zzz': 'cxr sql \"DESCRIBE images\"'"),
    ("age >= old", 8, "age is a number: 'old' is none"),
    ("age >= nan", 8, "age is a number: 'nan' is none"),
    ("age < 1e999", 7, "age is a number: '1e999' is none"),
    ("age IN (1, two)", 12, "age is a number: 'two' is none"),
    ("study_date < 2012", 14, "study_date is a date: '2012' is none, write one as 2012-01-31"),
    ("study_date < 2012-02-30", 14, "study_date is a date: '2012-02-30' is none"),
    ("frontal = yes", 11, "frontal is true or false: 'yes' is neither"),
    ("frontal > true", 1, "frontal can't be compared by >: write frontal = true"),
    ("findings = nodule", 12, "findings is compared by how many there are: 'nodule' is no whole"),
    ("findings = 1.5", 12, "'1.5' is no whole number"),
    ("label_method = physician", 16, "did you mean Physician? the values are Physician, RNN_model"),
    ("sex != X", 8, "no image has the sex 'X': the values are F"),
    ("path = x", 8, "no image has the path 'x': it is unknown for all"),
]  # fmt: skip
TERMS = [
    ("nodule AND NOT pneumona", 16, "no image has the finding 'pneumona': did you mean pneumonia"),
    ("xyzzy", 1, "no image has the finding 'xyzzy': 'cxr terms' shows all terms"),
    ("Nodule OR normal", 1, "no image has the finding 'Nodule': did you mean nodule"),
    ("hemothorax AND nodule", 1, "no image has the finding 'hemothorax', nor one below it"),
    ("not-normal AND nodule", 1, "no image has the finding 'not-normal' itself: write under(not-n"),
    (
        "under(infiltrate)",
        7,
        "the hierarchy padchest has no term 'infiltrate': did you mean infilt",
    ),
    ("under(COVID 19)", 7, "no image has a finding at or below 'COVID 19'"),
    ("right", 1, "'right' is a place: write FINDING @ right"),
    ("under(right)", 7, "'right' is a place: write FINDING @ under(right)"),
    ("nodule @ rigth", 10, "no image has a finding in the place 'rigth': did you mean right"),
    (
        "nodule @ under(rigth)",
        16,
        "no image has a finding in the place 'rigth': did you mean right",
    ),
    ("nodule @ frontal", 10, "no image has a finding in the place 'frontal'"),
    ("frontal @ right", 1, "frontal is a field: compare it, as in frontal = true"),
    ("age AND nodule", 1, "age is a field: compare it, as in age >= 18"),
    ("C9999999", 1, "no hierarchy has the CUI C9999999"),
    ("nodule @ C9999999", 10, "no place has the CUI C9999999"),
    ("C0444532", 1, "C0444532 is the CUI of a place: write FINDING @ C0444532"),
    ("nodule @ C0034079", 10, "no place has the CUI C0034079"),
    ("C5203670", 1, "no image has a finding with the CUI C5203670"),
]


@pytest.mark.parametrize(("query", "column", "sentence"), SYNTAX + FIELDS + TERMS)
def test_mistake(odd_data: ExperimentData, query: str, column: int, sentence: str) -> None:
    """The sentence names the column and what was expected or meant; the caret stands below it."""
    with pytest.raises(CxrError) as error:
        odd_data.find(query)
    said, shown, caret = str(error.value).split("\n")
    assert said.startswith(f"column {column}: ")
    assert sentence in said
    assert shown.rstrip() == f"  {query}".rstrip()
    assert caret == " " * (column + 1) + "^"
    wanted = UnknownTermError if (query, column, sentence) in TERMS else QueryError
    assert type(error.value) is wanted


def test_long_query(odd_data: ExperimentData) -> None:
    """Of a long query only what stands around the mistake is shown."""
    query = " OR ".join(["nodule"] * 50 + ["noduel"] + ["nodule"] * 50)
    with pytest.raises(UnknownTermError) as error:
        odd_data.find(query)
    said, shown, caret = str(error.value).split("\n")
    assert said.startswith("column 501: ")
    assert shown.startswith("  …")
    assert shown.endswith("…")
    assert len(shown) < 100
    assert shown[len(caret) - 1 :].startswith("noduel")


def test_no_text(odd_data: ExperimentData) -> None:
    """A query that is no text is refused."""
    with pytest.raises(QueryError, match="a query is a text, not 3"):
        odd_data.find(3)  # type: ignore[arg-type]


def test_too_many_conditions(odd_data: ExperimentData) -> None:
    """A query that no engine would plan is refused; so many findings, or values of IN, are not."""
    ages = [str(number) for number in range(1_001)]
    with pytest.raises(QueryError, match="has 1,001 conditions, 1,000 at most can be answered"):
        odd_data.find(" OR ".join(f"age = {age}" for age in ages))
    assert odd_data.find(f"age IN ({', '.join(ages)})").num_rows > 0
    assert odd_data.find(" OR ".join(["nodule", "normal"] * 1_000)).num_rows > 0


def test_hierarchy(odd_data: ExperimentData, tmp_path: Path) -> None:
    """The hierarchy that is asked is named; one that isn't there is refused."""
    with pytest.raises(
        UnknownTermError, match="column 29: the hierarchy paper has no term 'heart'"
    ):
        odd_data.find("under(infiltrates) OR under(heart)", hierarchy="paper")
    with pytest.raises(UnknownTermError, match="the hierarchy paper has no C0277877"):
        odd_data.find("under(C0277877)", hierarchy="paper")
    with pytest.raises(CxrError, match="there is no hierarchy 'nowhere'"):
        odd_data.find("nodule", hierarchy="nowhere")


def test_many_values(tmp_path: Path) -> None:
    """A value that no image has is an empty answer where a field has many of them."""
    rows = [
        {
            **USUAL,
            "ImageID": f"{number}.png",
            "PatientID": f"patient{number}",
            "Manufacturer_DICOM": "AB"[number % 2],
        }
        for number in range(51)
    ]
    data = ExperimentData(
        labels_csv=write_labels(tmp_path / "labels.csv", rows), store=tmp_path / "store"
    )
    data.create_index()
    assert data.find("patient_id = patient99").num_rows == 0
    assert data.find("patient_id = patient7 AND manufacturer = B").num_rows == 1
    with pytest.raises(QueryError, match="the values are A, B"):
        data.find("manufacturer = C")


def test_on_the_command_line(odd_data: ExperimentData, cxr: Run) -> None:
    """The command prints the sentence and the picture on stderr, nothing else, and exits with 1."""
    ran = cxr("find", "nodule AND NOT pneumona", "--store", odd_data.store.path)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "Error: column 16: no image has the finding 'pneumona': did you mean pneumonia?\n"
        "  nodule AND NOT pneumona\n"
        "                 ^\n"
    )
