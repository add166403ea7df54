"""Mistakes in a query, shown as one sentence, the query, and a caret below the place."""

from typing import TYPE_CHECKING

from cxr_duck.errors import QueryError

if TYPE_CHECKING:
    from lark import UnexpectedCharacters, UnexpectedToken

__all__ = ["pictured", "stray_character", "unexpected_token"]

_WIDTH = 76  # characters of a long query that are shown around the mistake
# What may stand in a place by the kinds of words that the grammar takes there, the surest first.
_EXPECTED: tuple[tuple[set[str], str], ...] = (
    ({"_NOT", "LPAR"}, "a finding, under(…), a field or NOT"),
    ({"_UNDER"}, "a place, such as right or under(upper lobe),"),
    ({"QUOTED"}, "a name or value"),
    ({"_AND", "AT"}, "AND, OR, @, a comparison or the end"),
    ({"_AND"}, "AND, OR or the end"),
    ({"RPAR", "COMMA"}, "',' or ')'"),
    ({"RPAR"}, "')'"),
    ({"LPAR"}, "'('"),
    ({"IN"}, "IN, or AND before NOT,"),
    ({"_NOT", "_NULL"}, "NULL or NOT NULL"),
    ({"_NULL"}, "NULL"),
    (set(), "nothing more"),
)


def pictured(text: str, start: int, sentence: str) -> str:
    """Return a sentence with its column, the query below it, and a caret below the place."""
    shown = "".join(_printable(letter) for letter in text)
    first = max(0, start - _WIDTH // 2) if len(shown) > _WIDTH else 0
    lead = "…" if first else ""
    tail = "…" if first + _WIDTH < len(shown) else ""
    line = lead + shown[first : first + _WIDTH] + tail
    caret = " " * (len(lead) + start - first) + "^"
    return f"column {start + 1}: {sentence}\n  {line}\n  {caret}"


def _printable(letter: str) -> str:
    if letter.isspace():
        return " "
    return letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"


def stray_character(text: str, error: "UnexpectedCharacters") -> QueryError:
    """Return the error for a character that begins nothing."""
    start = error.pos_in_stream or 0
    if error.char in "'\"":
        sentence = f"the quote {error.char} is opened and not closed"
    else:
        sentence = f"{error.char!r} has no meaning here; a term that holds it stands in quotes"
    return QueryError(pictured(text, start, sentence))


def unexpected_token(text: str, error: "UnexpectedToken") -> QueryError:
    """Return the error for a word or sign that stands where another is expected."""
    token = error.token
    at_end = token.type == "$END"
    start = len(text.rstrip()) if at_end else token.start_pos or 0
    wanted = set(error.accepts or error.expected)
    if not text.strip():
        start = 0
        sentence = (
            "the query is empty: write a finding, such as nodule, or "
            "under(infiltrates) AND NOT pneumonia"
        )
    elif token.type == "RPAR" and not _open_bracket(text[:start]):
        sentence = "')' closes no bracket: take it out"
    elif token.type == "AT" and "_AND" in wanted:
        sentence = "'@ PLACE' follows one finding or under(…)"
    elif at_end and "RPAR" in wanted and (opened := _open_bracket(text)):
        start = opened - 1
        sentence = "the bracket opened here is not closed: ')' is expected at the end"
    else:
        stands = "the query ends" if at_end else f"{str(token)!r} stands"
        sentence = f"{stands} where {_expected(wanted)} is expected"
    return QueryError(pictured(text, start, sentence))


def _expected(wanted: set[str]) -> str:
    """Say what may stand in a place, in words of the language."""
    return next(words for kinds, words in _EXPECTED if kinds <= wanted)


def _open_bracket(text: str) -> int:
    """Return where the last bracket that is not closed was opened (from 1), 0 if there is none."""
    opened: list[int] = []
    quote = ""
    for place, letter in enumerate(text, start=1):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"" and (place == 1 or text[place - 2] in " ()@,=<>!\"'"):
            quote = letter
        elif letter == "(":
            opened.append(place)
        elif letter == ")" and opened:
            opened.pop()
    return opened[-1] if opened else 0
