"""A made-up repository to ask, random queries over it, and what each of them must find.

The evaluator walks over the images in plain Python and reads the hierarchy from its CSV file: it
shares nothing with the package but the text of the query.
"""

import csv
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.support.label_rows import USUAL

FINDINGS = [
    "nodule", "pneumonia", "infiltrates", "consolidation", "air bronchogram", "alveolar pattern",
    "pleural effusion", "normal", "pacemaker", "Bochdalek's hernia", "not in the tree", "surgery",
]  # fmt: skip
PLACES = ["right", "left", "upper lobe", "right upper lobe", "lower lobe", "basal", "nowhere known"]
_TREE = Path(__file__).parents[2] / "cxr_duck" / "terms" / "hierarchies" / "padchest.csv"


class Image(NamedTuple):
    """An image: its postings (finding, localizations) and its fields."""

    postings: list[tuple[str, list[str]]]
    fields: dict[str, Any]


Predicate = Callable[[Image], bool]
Query = tuple[str, Predicate]


def rows_to_ask(seed: int = 3, images: int = 240) -> list[dict[str, str]]:
    """Return label rows with every finding and place, in which each field is at times empty."""
    chance = random.Random(seed)
    rows = []
    for number in range(images):
        labels = chance.sample(FINDINGS, chance.choice([0, 1, 1, 2, 3]))
        labels += FINDINGS[number : number + 1]
        places = chance.sample(PLACES, chance.choice([0, 1, 2, 3]))
        rows.append(
            {
                **USUAL,
                "ImageID": f"image{number:03d}.png",
                "PatientID": f"patient{number // 2}",
                "StudyID": f"study{number}",
                "Labels": str(labels),
                "Localizations": str([f"loc {place}" for place in places]),
                "PatientBirth": chance.choice(["1930.0", "1950.0", "1996.0", "2004.0", ""]),
                "PatientSex_DICOM": chance.choice(["M", "F", "nan"]),
                "Projection": chance.choice(["PA", "AP", "L", "AP_horizontal", ""]),
                "Pediatric": chance.choice(["No", "PED", ""]),
                "StudyDate_DICOM": chance.choice(["20120101", "20140305", "20161231", ""]),
                "MethodLabel": chance.choice(["Physician", "RNN_model"]),
                "WindowCenter_DICOM": chance.choice(["2047.5", "-3.0", ""]),
            }
        )
    return rows


def hierarchy() -> dict[str, set[str]]:
    """Return the terms at or below each term of the hierarchy that comes along."""
    children: dict[str, set[str]] = {}
    with _TREE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            children.setdefault(row["parent"], set()).add(row["term"])
            children.setdefault(row["term"], set())
    below: dict[str, set[str]] = {}
    for head in children:
        found, waiting = {head}, [head]
        while waiting:
            new = children[waiting.pop()] - found
            found |= new
            waiting.extend(new)
        below[head] = found
    return below


BELOW = hierarchy()


def _written(words: str) -> st.SearchStrategy[str]:
    """Return ways to write a name: bare where that can be, or in either kind of quotes."""
    forms = [f'"{words}"', "'" + words.replace("'", "''") + "'", f'" {words} "']
    keyword = {"in", "not", "and", "or", "is", "under", "null"} & set(words.lower().split())
    if not keyword:
        forms += [words, words.replace(" ", "  ")]
    return st.sampled_from(forms)


@st.composite
def _terms(draw: st.DrawFn, words: list[str]) -> tuple[str, set[str]]:
    """Return a term as it is written, and the names it stands for."""
    word = draw(st.sampled_from(words))
    text = draw(_written(word))
    if draw(st.booleans()):
        return f"{draw(st.sampled_from(['under', 'UNDER']))}({text})", BELOW.get(word, {word})
    return text, {word}


@st.composite
def _shown(draw: st.DrawFn) -> Query:
    text, findings = draw(_terms([*FINDINGS, "surgery"]))
    places = draw(st.lists(_terms(PLACES), max_size=2))

    def holds(image: Image) -> bool:
        return any(
            finding in findings
            and all({f"loc {name}" for name in names} & set(locations) for _, names in places)
            for finding, locations in image.postings
        )

    return " @ ".join([text, *(place for place, _ in places)]), holds


_COMPARED: list[tuple[str, list[Any]]] = [
    ("age", [8, 18, 18.5, 62, 84, -1]),
    ("window_center", [2047.5, -3, 0]),
    ("sex", ["M", "F"]),
    ("projection", ["PA", "AP", "L", "AP_horizontal"]),
    ("study_date", ["2012-01-01", "2014-03-05", "2015-06-01"]),
    ("findings", [0, 1, 2]),
    ("localizations", [0, 1, 2]),
]
_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b), "!=": lambda a, b: bool(a != b),
    "<>": lambda a, b: bool(a != b), "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b), ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}  # fmt: skip


def _value(image: Image, field: str) -> Any:
    value = image.fields[field]
    return len(value) if isinstance(value, list) else value


@st.composite
def _compared(draw: st.DrawFn) -> Query:
    field, values = draw(st.sampled_from(_COMPARED))
    sign = draw(st.sampled_from([*_SIGNS, "in", "NOT IN", "IS NULL", "is not null"]))
    if sign.lower().startswith("is"):
        wanted = sign == "IS NULL"
        return f"{field} {sign}", lambda image: (_value(image, field) is None) == wanted
    if sign.lower().endswith("in"):
        some = draw(st.lists(st.sampled_from(values), min_size=1, max_size=3))
        text = f"{field} {sign} ({', '.join(map(str, some))})"

        def among(image: Image) -> bool:
            value = _value(image, field)
            return value is not None and (value in some) == (sign == "in")

        return text, among
    other = draw(st.sampled_from(values))

    def compares(image: Image) -> bool:
        value = _value(image, field)
        return value is not None and _SIGNS[sign](value, other)

    return f"{field}{draw(st.sampled_from(['', ' ']))}{sign} {other}", compares


@st.composite
def _truths(draw: st.DrawFn) -> Query:
    field = draw(st.sampled_from(["frontal", "pediatric", "Frontal"]))
    ending, wanted = draw(st.sampled_from([("", True), (" = true", True), ("=FALSE", False)]))
    return f"{field}{ending}", lambda image: image.fields[field.lower()] is wanted


def _joined(parts: st.SearchStrategy[Query]) -> st.SearchStrategy[Query]:
    """Return parts joined or denied, each in brackets where its own words could bind otherwise."""

    @st.composite
    def build(draw: st.DrawFn) -> Query:
        word = draw(st.sampled_from(["AND", "or", "Not"]))
        if word == "Not":
            text, holds = draw(parts)
            return f"{word} ({text})", lambda image: not holds(image)
        several = draw(st.lists(parts, min_size=2, max_size=4))
        text = f" {word} ".join(f"({text})" for text, _ in several)
        together = all if word == "AND" else any
        return text, lambda image: together(holds(image) for _, holds in several)

    return build()


QUERIES = st.recursive(st.one_of(_shown(), _compared(), _truths()), _joined, max_leaves=12)


@st.composite
def _flat(draw: st.DrawFn) -> Query:
    """Return clauses of findings joined by OR and AND, at times denied, without brackets."""
    text, groups = "", [[]]  # type: tuple[str, list[list[Predicate]]]
    for clause in range(draw(st.integers(1, 5))):
        word = draw(st.sampled_from(["AND", "or"])) if clause else ""
        denials = draw(st.sampled_from([0, 0, 1, 2]))
        leaf, holds = draw(_shown())
        if word == "or":
            groups.append([])
        groups[-1].append((lambda image, h=holds: not h(image)) if denials == 1 else holds)
        text += f" {word} " + "NOT " * denials + leaf
    return text, lambda image: any(all(h(image) for h in group) for group in groups)


FLAT_QUERIES = _flat()
