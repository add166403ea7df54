"""R per finding: which localizations of an image are those of a finding."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_duck import ExperimentData
from tests.conftest import examples
from tests.support.label_rows import ODDITIES, USUAL, rows_of, write_labels
from tests.support.walk import Walked, walk


def indexed(folder: Path, rows: list[dict[str, str]]) -> Walked:
    """Return the postings of rows that are indexed in a new store."""
    labels = write_labels(folder / "labels.csv", rows)
    data = ExperimentData(labels_csv=labels, store=folder / "store")
    data.create_index()
    postings = data.sql("SELECT finding, image_id, localizations, known_by FROM postings")
    return {
        (row["finding"], row["image_id"]): (row["localizations"], row["known_by"])
        for row in postings.to_pylist()
    }


# (Labels, Localizations, LabelsLocalizationsBySentence, finding, its localizations, known by)
CASES: list[tuple[str, str, str, str, list[str], str]] = [
    (  # a list for each sentence
        "['nodule', 'scoliosis']", "['loc right', 'loc lumbar']",
        "[['nodule', 'loc right'], ['scoliosis', 'loc lumbar']]", "nodule", ["loc right"],
        "sentence",
    ),
    (  # said in two sentences
        "['nodule']", "[]", "[['nodule', 'loc right'], ['nodule', 'loc hilar', 'loc right']]",
        "nodule", ["loc hilar", "loc right"], "sentence",
    ),
    (  # one list: a finding begins a new sentence
        "['lobar atelectasis', 'chronic changes', 'gynecomastia']", "[]",
        "['lobar atelectasis', 'loc left upper lobe', 'chronic changes', 'gynecomastia', "
        "'loc bilateral']", "chronic changes", [], "sentence",
    ),
    (  # one list: a leading blank goes on with the sentence
        "['consolidation', ' pneumonia']", "[]",
        "['scoliosis', 'consolidation', ' pneumonia', 'loc basal', 'normal', 'loc cardiac']",
        "consolidation", ["loc basal"], "sentence",
    ),
    (  # one list: an empty string is a sentence of its own, whose localizations are nobody's
        "['nodule']", "['loc hilar']", "['nodule', '', 'loc hilar']", "nodule", [], "sentence",
    ),
    (  # one list: localizations before any finding are nobody's
        "['nodule']", "['loc hilar']", "['loc hilar', 'nodule', 'loc right']", "nodule",
        ["loc right"], "sentence",
    ),
    (  # a side that Labels has stripped
        "['hemidiaphragm elevation']", "[]", "[['hemidiaphragm elevation left side']]",
        "hemidiaphragm elevation", ["loc left"], "sentence",
    ),
    ("['nodule']", "[]", "[['nodule right side']]", "nodule", ["loc right"], "sentence"),
    (  # … and that nothing else in the sentence has
        "['nodule', 'mass']", "[]", "[['nodule right side', 'mass', 'loc hilar']]", "mass",
        ["loc hilar"], "sentence",
    ),
    (
        "['nodule', 'mass']", "[]", "[['nodule right side', 'mass', 'loc hilar']]", "nodule",
        ["loc hilar", "loc right"], "sentence",
    ),
    (  # more blanks than one
        "['nodule']", "[]", "[['  nodule  ', ' loc right']]", "nodule", ["loc right"], "sentence",
    ),
    (
        "['pleural effusion']", "[]", "[['pleural effusion both sides', 'loc pleural']]",
        "pleural effusion", ["loc bilateral", "loc pleural"], "sentence",
    ),
    ("['nodule']", "[]", "[['nodule both side']]", "nodule", ["loc bilateral"], "sentence"),
    (
        "['interstitial pattern']", "[]",
        "[['interstitial pattern bilateral'], ['normal', 'loc hilar bilateral']]",
        "interstitial pattern", ["loc bilateral"], "sentence",
    ),
    (  # a side that Labels has kept is part of the finding's name
        "['cyst left side']", "[]", "[['cyst left side', 'loc hilar']]", "cyst left side",
        ["loc hilar"], "sentence",
    ),
    (  # no sentence names it
        "['nodule', 'mass']", "['loc right', 'loc hilar']", "[['mass', 'loc right']]", "nodule",
        ["loc hilar", "loc right"], "image",
    ),
    ("['nodule']", "['loc hilar']", "", "nodule", ["loc hilar"], "image"),
    ("['nodule']", "[]", "[]", "nodule", [], "image"),
    (  # part of a longer name is not the name
        "['pneumonia']", "['loc basal']", "[['atypical pneumonia', 'loc basal']]", "pneumonia",
        ["loc basal"], "image",
    ),
    (  # nan, an empty list, another spacing, double quotes
        "['nodule']", "[]", "[nan, ['nodule', 'loc right'], []]", "nodule", ["loc right"],
        "sentence",
    ),
    ("['a']", "[]", "[['a','loc right'],['b','loc left']]", "a", ["loc right"], "sentence"),
    (
        "[\"Bochdalek's hernia\"]", "[]", "['nodule', \"Bochdalek's hernia\", 'loc basal']",
        "Bochdalek's hernia", ["loc basal"], "sentence",
    ),
    (
        "[\"Bochdalek's hernia\"]", "[]",
        "[['nodule', 'loc right'], [\"Bochdalek's hernia\", 'loc basal']]", "Bochdalek's hernia",
        ["loc basal"], "sentence",
    ),
    (  # what a sentence says of normal holds for an image that is normal and for no other
        "['normal']", "['loc cardiac']", "[['normal', 'loc cardiac']]", "normal", ["loc cardiac"],
        "sentence",
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def postings(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    """The postings of all cases, one image each."""
    rows = rows_of(
        {"Labels": case[0], "Localizations": case[1], "LabelsLocalizationsBySentence": case[2]}
        for case in CASES
    )
    return indexed(tmp_path_factory.mktemp("cases"), rows)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_localizations_of_a_finding(postings: Walked, number: int) -> None:
    """They are those of the sentences that name it, else those of the image."""
    *_, finding, localizations, known_by = CASES[number]
    assert postings[finding, f"image{number:03d}.png"] == (localizations, known_by)


def test_walk_agrees_on_the_cases(postings: Walked) -> None:
    """The plain walk that stands for the index elsewhere holds the same rules."""
    rows = rows_of(
        {"Labels": case[0], "Localizations": case[1], "LabelsLocalizationsBySentence": case[2]}
        for case in CASES
    )
    assert walk(rows) == postings


def test_walk_agrees_on_the_oddities(tmp_path: Path) -> None:
    """Every oddity of the label file comes to the same postings in SQL and in Python."""
    rows = rows_of(odd for odd, _, _ in ODDITIES)
    assert indexed(tmp_path, rows) == walk(rows)


@pytest.mark.sampled
@pytest.mark.parametrize(
    "text",
    [
        "nodule",
        "['nodule'",
        "[['nodule']",
        "['nodule', [nodule]]",
        "{}",
        "[['a'] ['b'",
        "['nodule', ['a']]",
        "[['nodule', 'loc right'], 'x', ['mass']]",
        "['a'], ['b']",
    ],
)
def test_unreadable_sentences_are_refused(tmp_path: Path, text: str) -> None:
    """Sentences that are no list make a reject, and never an image without localizations."""
    odd = {"Labels": "['nodule']", "LabelsLocalizationsBySentence": text}
    labels = write_labels(tmp_path / "labels.csv", rows_of([{}, odd]))
    data = ExperimentData(labels_csv=labels, store=tmp_path / "store")
    assert data.create_index(allow_rejects=True)["rejects"] == 1
    assert data.sql("SELECT row, reason FROM rejects").to_pylist() == [
        {"row": 2, "reason": "LabelsLocalizationsBySentence is no list"}
    ]


_FINDINGS = ["nodule", "mass", "pleural effusion", "cyst bilateral", "normal", "exclude", ""]
_PLACES = ["loc right", "loc basal bilateral", "loc left", "loc hilar"]
_sides = st.sampled_from(["", "", " left side", " both sides", " both side", " bilateral"])
_said = st.one_of(
    st.sampled_from(_PLACES),
    st.tuples(st.sampled_from(["", " ", "  "]), st.sampled_from(_FINDINGS), _sides).map("".join),
)
_flat = st.lists(_said, max_size=8).map(str)
_nested = st.lists(st.lists(_said, max_size=4), max_size=4).map(str)


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(_FINDINGS), max_size=4),
            st.lists(st.sampled_from(_PLACES), max_size=3),
            st.one_of(_flat, _nested, st.just("nan")),
        ),
        min_size=1,
        max_size=60,
    )
)
@examples(25)
def test_walk_agrees_on_any_sentences(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[list[str], list[str], str]]
) -> None:
    """Whatever the sentences say, SQL and a plain walk come to the same postings."""
    rows = [
        {
            **USUAL,
            "ImageID": f"image{number}.png",
            "Labels": str(labels),
            "Localizations": str(places),
            "LabelsLocalizationsBySentence": text,
        }
        for number, (labels, places, text) in enumerate(said)
    ]
    assert indexed(tmp_path_factory.mktemp("any"), rows) == walk(rows)


def test_concepts_come_along(tmp_path: Path) -> None:
    """A posting has the UMLS concepts of its finding and, in their order, of its localizations."""
    rows = rows_of(
        {"Labels": f"['{finding}']", "LabelsLocalizationsBySentence": f"[['{finding}', {places}]]"}
        for finding, places in [
            ("adenopathy", "'loc right'"),
            ("nodule", "'loc nowhere', 'loc hilar', 'loc right'"),
            ("made up", "'loc left'"),
        ]
    )
    labels = write_labels(tmp_path / "labels.csv", rows)
    data = ExperimentData(labels_csv=labels, store=tmp_path / "store")
    data.create_index()
    query = "SELECT finding_cuis, localization_cuis FROM coded_postings ORDER BY image_id"
    assert data.sql(query).to_pylist() == [
        {"finding_cuis": ["C0149711", "C0478664"], "localization_cuis": ["C0444532"]},
        {"finding_cuis": ["C0034079"], "localization_cuis": ["C0205150", None, "C0444532"]},
        {"finding_cuis": None, "localization_cuis": ["C0443246"]},
    ]
