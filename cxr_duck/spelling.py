"""Words in a message: a noun with its number, and those that are spelt like an unknown one."""

from collections.abc import Iterable
from difflib import SequenceMatcher

__all__ = ["counted", "did_you_mean", "nearest_words"]

_SHOWN = 5
_ALIKE = 0.7  # of difflib's ratio: one letter of four may differ


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: '1 zip', '1,200 zips'."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


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
