"""A report's labels, and the ways in which PadChest's label file prints them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cxr_duck.sources.demo.vocabulary import phrase
from cxr_duck.terms.hierarchy import DEFAULT_HIERARCHY, built_in_hierarchies

__all__ = ["NETWORK", "PHYSICIAN", "Report", "Sentence", "term_cuis", "without_side"]

PHYSICIAN, NETWORK = "Physician", "RNN_model"
_SIDES = (" left side", " right side", " both sides", " bilateral")


def without_side(finding: str) -> str:
    """Return a finding of a sentence as the column Labels has it: without the side."""
    for side in _SIDES:
        finding = finding.removesuffix(side)
    return finding


def term_cuis() -> dict[str, str]:
    """Return the UMLS concept of each term; '' where it has none, the first where it has two."""
    padchest = next(tree for tree in built_in_hierarchies() if tree.name == DEFAULT_HIERARCHY)
    cuis: dict[str, str] = {}
    for term, _, cui, _ in padchest.edges:
        cuis[term] = cuis.get(term) or cui or ""
    return cuis


@dataclass(frozen=True)
class Sentence:
    """A sentence of a report: what it says, and where that is.

    The finding '' is one that the labelling left empty; `said` is false where the whole sentence
    is missing.
    """

    findings: tuple[str, ...]
    localizations: tuple[str, ...] = ()
    said: bool = True

    def nested(self) -> str:
        """Return the sentence as it stands in a hand-labelled row."""
        tokens = [*self.findings, *(f"loc {place}" for place in self.localizations)]
        return repr(tokens) if self.said else "nan"

    def flat_findings(self) -> list[str]:
        """Return the findings as a network's row has them: those after the first lead a blank."""
        return [*self.findings[:1], *(f" {finding}" for finding in self.findings[1:])]


@dataclass(frozen=True)
class Report:
    """A report and who labelled it.

    `ruled` is false where the column Labels keeps `normal` and `exclude` beside other labels,
    against PadChest's own rule; `labelled` is false where nobody labelled it.
    """

    sentences: tuple[Sentence, ...]
    method: str
    ruled: bool = True
    labelled: bool = True

    def labels(self) -> list[str]:
        """Return the labels as the column Labels has them."""
        if self.method == PHYSICIAN:
            names = [without_side(name) for part in self.sentences for name in part.findings]
        else:
            names = [without_side(name) for part in self.sentences for name in part.flat_findings()]
        labels = list(dict.fromkeys(names))
        for word in ("exclude", "normal") if self.ruled else ():
            if any(label not in (word, "") for label in labels):
                labels = [label for label in labels if label != word]
        return labels

    def localizations(self) -> list[str]:
        """Return the distinct localizations of all sentences."""
        return list(dict.fromkeys(place for part in self.sentences for place in part.localizations))

    def columns(self, cuis: dict[str, str]) -> dict[str, str]:
        """Return the columns of the label file that the report fills, but for its number."""
        labels, places = self.labels(), self.localizations()
        named = [label.strip() for label in labels if label.strip()]
        return {
            "Report": self.text(),
            "MethodLabel": self.method,
            "Labels": repr(labels) if self.labelled else "nan",
            "Localizations": repr([f"loc {place}" for place in places]),
            "LabelsLocalizationsBySentence": self._by_sentence() if self.labelled else "nan",
            "labelCUIS": _printed_array(cuis[name] for name in named),
            "LocalizationsCUIS": _printed_array(cuis[place] for place in places),
        }

    def text(self) -> str:
        """Return a stemmed text, some of it with commas, quotes and accents."""
        said = [
            " ".join(phrase(words) for words in (*part.findings, *part.localizations) if words)
            for part in self.sentences
        ]
        text = " . ".join(filter(None, said)) or "sin datos, inform no disponibl"
        if len(said) > 2:
            text += ' . se compar con rx "previ" , sin otr hallazg'
        return f"{text} . correlacion clínic ." if len(said) == 2 else f"{text} ."

    def _by_sentence(self) -> str:
        if self.method == PHYSICIAN:
            return f"[{', '.join(part.nested() for part in self.sentences)}]"
        tokens: list[str] = []
        for part in self.sentences:
            tokens += part.flat_findings()
            tokens += [f"loc {place}" for place in part.localizations]
        return repr(tokens)


def _printed_array(values: Iterable[str]) -> str:
    """Return strings as numpy prints them: parted by blanks, folded at 75 columns."""
    return np.array2string(
        np.array(list(values), dtype=object),
        max_line_width=75,
        separator=" ",
        threshold=10_000,
        formatter={"all": repr},
        legacy=False,
    )
