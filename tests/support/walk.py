"""The index by a plain walk over the label file's rows: what the SQL must come to as well."""

import ast
import re
from collections.abc import Iterable, Iterator

__all__ = ["Walked", "findings_of", "sentences_of", "walk"]

# (finding, image) -> (its localizations, how they are known)
Walked = dict[tuple[str, str], tuple[list[str], str]]

_SIDES = {
    " left side": "loc left",
    " right side": "loc right",
    " both sides": "loc bilateral",
    " both side": "loc bilateral",
    " bilateral": "loc bilateral",
}


def walk(rows: Iterable[dict[str, str]]) -> Walked:
    """Return every posting of the rows of a label file."""
    walked: Walked = {}
    for row in rows:
        findings = findings_of(row["Labels"])
        own = sorted({place.strip() for place in _parsed(row["Localizations"])} - {""})
        sentences = [part for s in sentences_of(row) for part in _sided(s, findings)]
        for finding in findings:
            naming = [sentence for sentence in sentences if finding in sentence]
            places = {term for sentence in naming for term in sentence if term[:4] == "loc "}
            walked[finding, row["ImageID"]] = (
                (sorted(places), "sentence") if naming else (own, "image")
            )
    return walked


def findings_of(text: str) -> list[str]:
    """Return the findings of an image: trimmed, distinct, exclude and normal giving way."""
    findings = {label.strip() for label in _parsed(text)} - {""}
    for weak in ("exclude", "normal"):
        if len(findings) > 1:
            findings.discard(weak)
    return sorted(findings)


def sentences_of(row: dict[str, str]) -> Iterator[list[str]]:
    """Yield the terms of each sentence of a row's report."""
    parsed = _parsed(row["LabelsLocalizationsBySentence"])
    if not parsed or any(item is None or isinstance(item, list) for item in parsed):
        yield from ([term.strip() for term in sentence or []] for sentence in parsed)
        return
    sentence: list[str] = []
    for term in parsed:
        if not term.startswith((" ", "loc ")):
            yield sentence
            sentence = []
        sentence.append(term.strip())
    yield sentence


def _parsed(text: str) -> list[str]:
    if text in ("", "nan", "None"):
        return []
    return list(ast.literal_eval(re.sub(r"(?<=[\[ ])nan(?=[],])", "None", text)))


def _sided(sentence: list[str], findings: list[str]) -> Iterator[list[str]]:
    """Yield a sentence without sides, and one for each finding that is said with a side."""
    bare: list[str] = []
    for term in sentence:
        side = next((side for side in _SIDES if term.endswith(side)), None)
        if side is None or term.startswith("loc ") or term in findings:
            bare.append(term)
        else:
            bare.append(term.removesuffix(side))
            yield [term.removesuffix(side), _SIDES[side]]
    yield bare
