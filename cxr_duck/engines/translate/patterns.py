"""Regular expressions of DuckDB (RE2) rewritten for Java, and what differs between the two.

RE2's syntax: https://github.com/google/re2/wiki/Syntax; Java's: java.util.regex.Pattern.
"""

import re
from dataclasses import dataclass, field

__all__ = ["Pattern", "read_pattern"]

_BLANKS = r"\t\n\f\r "  # what \s is to RE2; Java's has the vertical tab as well
_SAME = set("dDwWtnrfaAz")  # letters after a backslash that mean the same to both
_SHOWN = {
    "b": r"\b, which knows ASCII letters only in DuckDB",
    "B": r"\B, which knows ASCII letters only in DuckDB",
    "p": r"\p{…}, whose names differ",
    "P": r"\P{…}, whose names differ",
}


@dataclass
class Pattern:
    """A regular expression for Java, and what it would answer otherwise than RE2's."""

    java: str = ""
    differs: list[str] = field(default_factory=list)

    def matches_nothing(self) -> bool:
        """Tell whether it may match the empty text, of which the two find different numbers."""
        try:
            return re.match(self.java.replace(r"\z", r"\Z"), "") is not None
        except re.error:
            return False


def read_pattern(text: str) -> Pattern:
    """Return a pattern of DuckDB's as Java's, with what can't be translated."""
    pattern = Pattern()
    place = 0
    while place < len(text):
        if text[place] == "\\":
            place = _escape(text, place, pattern, within=False)
        elif text[place] == "[":
            place = _class(text, place, pattern)
        else:
            place = _plain(text, place, pattern)
    return pattern


def _plain(text: str, place: int, pattern: Pattern) -> int:
    letter = text[place]
    if letter == "(" and text[place + 1 : place + 2] == "?" and text[place + 2 : place + 3] != ":":
        pattern.differs.append("a regular expression with (?…)")
    if letter in "*+?}" and text[place + 1 : place + 2] == "+":
        pattern.differs.append("a regular expression that gives nothing back (++)")
    # At its end, $ lets Java drop a line break; its dot stops at more than the line feed.
    pattern.java += {"$": r"\z", ".": r"[^\n]"}.get(letter, letter)
    return place + 1


def _escape(text: str, place: int, pattern: Pattern, *, within: bool) -> int:
    letter = text[place + 1 : place + 2]
    if letter == "s":
        pattern.java += _BLANKS if within else f"[{_BLANKS}]"
    elif letter == "S" and not within:
        pattern.java += f"[^{_BLANKS}]"
    elif letter == "v":
        pattern.java += r"\x0B"
    else:
        if letter != "x" and letter.isalnum() and letter not in _SAME:
            told = _SHOWN.get(letter, f"\\{letter}")
            pattern.differs.append(f"a regular expression with {told}")
        pattern.java += f"\\{letter}"
    return place + 2


def _class(text: str, place: int, pattern: Pattern) -> int:
    """Take over a class in brackets: Java nests and intersects them, RE2 does not."""
    pattern.java += "["
    place += 1
    if text[place : place + 1] == "^":
        pattern.java += "^"
        place += 1
    first = place
    while place < len(text) and (text[place] != "]" or place == first):
        if text[place] == "\\":
            place = _escape(text, place, pattern, within=True)
            continue
        if text[place : place + 2] == "[:":
            pattern.differs.append("a regular expression with [:…:]")
        pattern.java += f"\\{text[place]}" if text[place] in "[]&" else text[place]
        place += 1
    pattern.java += "]"
    return place + 1
