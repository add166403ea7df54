"""The patients of a made-up repository: which findings they have, in which projections."""

from collections.abc import Iterator

import numpy as np

from cxr_duck.sources.demo.oddities import ODDITIES, Patient, Study
from cxr_duck.sources.demo.reports import NETWORK, PHYSICIAN, Report, Sentence
from cxr_duck.sources.demo.vocabulary import LEAVES, SIDED, TERMS, Term, draw_term

__all__ = ["FEWEST_IMAGES", "draw_patients"]

FEWEST_IMAGES = 60  # what it takes to hold each oddity and each of the leaves
_NORMAL = 140  # studies that are normal, a 600 images: more than all the leaves together
_PER = 600
_VIEWS = (
    *[("PA", "L")] * 8,
    *[("PA",)] * 6,
    *[("AP_horizontal",)] * 4,
    ("AP",),
    ("PA", "L", "PA"),
)
_STUDIES = (1, 1, 1, 1, 1, 1, 2, 2, 3, 5)  # of a patient, as often as they stand here
_ALONE = ("unchanged", "unchanged", "unchanged", "exclude", "suboptimal study", "")


def draw_patients(images: int, rng: np.random.Generator) -> list[Patient]:
    """Draw patients with so many images in all, in no particular order."""
    leaves = [
        _studied(_leaf_report(term, rng), number)
        for term in TERMS
        if term.name in LEAVES
        for number in range(LEAVES[term.name] * images // _PER)
    ]
    normals = [
        _studied(_report([Sentence(("normal",))] * int(rng.integers(1, 3)), rng), number)
        for number in range(_NORMAL * images // _PER)
    ]
    taken = _images(*leaves, *normals) + sum(_images(*patient.studies) for patient in ODDITIES)
    groups = list(_grouped(list(_others(images - taken, rng)), rng))
    for every, studies in ((8, leaves), (6, normals)):
        for number, study in enumerate(studies, start=1):
            if number % every or not groups:
                groups.append([study])
            else:
                groups[number // every % len(groups)].append(study)
    patients = [*ODDITIES, *(Patient(tuple(group)) for group in groups)]
    return [patients[place] for place in rng.permutation(len(patients))]


def _images(*studies: Study) -> int:
    return sum(len(study.projections) for study in studies)


def _studied(report: Report, number: int) -> Study:
    """Return a study with one frontal image, and a lateral one in every third."""
    if number % 3 == 0:
        return Study(report, ("PA", "L"))
    return Study(report, ("AP_horizontal",) if number % 7 == 4 else ("PA",))


def _report(sentences: list[Sentence], rng: np.random.Generator) -> Report:
    return Report(tuple(sentences), PHYSICIAN if rng.random() < 0.23 else NETWORK)


def _leaf_report(term: Term, rng: np.random.Generator) -> Report:
    sentences = [_sentence([term], rng)]
    if rng.random() < 0.2:
        sentences.append(Sentence(("normal",)))
    return _report(sentences, rng)


def _sentence(terms: list[Term], rng: np.random.Generator) -> Sentence:
    """Return a sentence that names findings, by alphabet, and places of one of them."""
    names = sorted(_sided(term.name, rng) for term in terms)
    places = next((term.places for term in terms if term.places), ())
    if not places or rng.random() < 0.15:
        return Sentence(tuple(names))
    place = places[int(rng.integers(len(places)))]
    return Sentence(tuple(names), tuple(sorted(place.split(","))))


def _sided(name: str, rng: np.random.Generator) -> str:
    if name not in SIDED:
        return name
    sides = ("", " left side", " right side", " both sides")
    return name + sides[int(rng.integers(len(sides)))]


def _others(images: int, rng: np.random.Generator) -> Iterator[Study]:
    """Yield studies of whatever else there is, until they have so many images."""
    while images > 0:
        if rng.random() < 0.1:
            report = _report([Sentence((_ALONE[int(rng.integers(len(_ALONE)))],))], rng)
        else:
            report = _report(_sentences(rng), rng)
        if report.sentences[0].findings == ("",):
            report = Report(report.sentences, NETWORK)
        views = _VIEWS[int(rng.integers(len(_VIEWS)))][:images]
        yield Study(report, views)
        images -= len(views)


def _sentences(rng: np.random.Generator) -> list[Sentence]:
    """Draw the sentences of a report; where they hold one finding only, that is no leaf."""
    drawn: dict[str, Term] = {}
    wanted = 1 + int(rng.integers(5))
    while len(drawn) < wanted or (len(drawn) == 1 and drawn.keys() <= LEAVES.keys()):
        term = draw_term(rng)
        drawn[term.name] = term
    terms, sentences = list(drawn.values()), list[Sentence]()
    while terms:
        pair = 2 if rng.random() < 0.3 else 1
        sentences.append(_sentence(terms[:pair], rng))
        terms = terms[pair:]
    for word, share in (("normal", 0.12), ("exclude", 0.04)):
        if rng.random() < share:
            sentences.insert(int(rng.integers(len(sentences) + 1)), Sentence((word,)))
    return sentences


def _grouped(studies: list[Study], rng: np.random.Generator) -> Iterator[list[Study]]:
    """Yield the studies of one patient after the other."""
    while studies:
        count = _STUDIES[int(rng.integers(len(_STUDIES)))]
        yield studies[:count]
        studies = studies[count:]
