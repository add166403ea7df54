"""The words that are spelt most like one that nobody knows."""

from collections.abc import Iterable
from difflib import SequenceMatcher

__all__ = ["did_you_mean", "nearest_words"]

_SHOWN = 5
_ALIKE = 0.7  # of difflib's ratio: one letter of four may differ


def nearest_words(word: str, words: Iterable[str]) -> list[str]:
    """Return the words, 5 at most, that hold a word or are spelt like it, nearest first.

    Capitals don't count.
    """
    lower = word.lower()
    matcher = SequenceMatcher(autojunk=False, b=lower)
    near: list[tuple[float, str]] = []
    for known in set(words):
        matcher.set_seq1(known.lower())
        alike = matcher.ratio() if matcher.real_quick_ratio() >= _ALIKE else 0.0
        if alike >= _ALIKE or (lower and lower in known.lower()):
            near.append((-alike, known))
    return [known for _, known in sorted(near)[:_SHOWN]]


def did_you_mean(word: str, words: Iterable[str], otherwise: str) -> str:
    """Return the question whether one of the nearest words is meant, or what else to do."""
    near = nearest_words(word, words)
    return f"did you mean {', '.join(near)}?" if near else otherwise
