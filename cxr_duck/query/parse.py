"""Parses the text of a query to its tree, by the grammar in `language.lark`."""

from functools import cache
from pathlib import Path
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken

from cxr_duck.errors import QueryError
from cxr_duck.query.mistakes import pictured, stray_character, unexpected_token
from cxr_duck.query.tree import (
    Comparison,
    Finding,
    Junction,
    Term,
    TooDeepError,
    Word,
    Written,
    join,
)

__all__ = ["parse"]

_GRAMMAR = Path(__file__).with_name("language.lark")


def parse(text: str) -> Written:
    """Return the tree of a query; QueryError says the column and what was expected there."""
    if not isinstance(text, str):
        raise QueryError(f"a query is a text, not {text!r}")
    try:
        tree: Written = _parser().parse(text)  # type: ignore[assignment]
    except UnexpectedCharacters as error:
        raise stray_character(text, error) from None
    except UnexpectedToken as error:
        raise unexpected_token(text, error) from None
    except _MisplacedError as error:
        raise QueryError(pictured(text, error.start, str(error))) from None
    return tree


class _MisplacedError(TooDeepError):
    """A mistake that the grammar lets pass, and where it is."""

    def __init__(self, sentence: str, start: int) -> None:
        super().__init__(sentence)
        self.start = start


@cache
def _parser() -> Lark:
    return Lark(
        _GRAMMAR.read_text(encoding="utf-8"),
        start="query",
        parser="lalr",
        lexer="basic",
        transformer=_Building(),
    )


class _Building(Transformer[Token, Any]):
    """Builds the tree while the text is read, so that no depth of brackets is too much."""

    def name(self, words: list[Token]) -> Word:
        first = words[0]
        assert first.start_pos is not None
        if first.type == "WORD":
            return Word(" ".join(words), first.start_pos)
        quote = first[0]
        text = first[1:-1].replace(quote * 2, quote).strip()
        if not text:
            raise _MisplacedError("there is nothing between the quotes", first.start_pos)
        return Word(text, first.start_pos, quoted=True)

    def term(self, words: list[Word]) -> Term:
        return Term(words[0])

    def under(self, words: list[Word]) -> Term:
        return Term(words[0], under=True)

    def finding(self, terms: list[Term]) -> Finding:
        return Finding(terms[0], tuple(terms[1:]))

    def compared(self, parts: list[Any]) -> Comparison:
        operator = parts[1].lower().replace("<>", "!=")
        return Comparison(parts[0], operator, tuple(parts[2:]))

    def compared_not(self, parts: list[Any]) -> Comparison:
        return Comparison(parts[0], "not in", tuple(parts[2:]))

    def unknown(self, parts: list[Word]) -> Comparison:
        return Comparison(parts[0], "is null")

    def known(self, parts: list[Word]) -> Comparison:
        return Comparison(parts[0], "is not null")

    def any_of(self, parts: list[Written]) -> Written:
        return _join("or", parts)

    def all_of(self, parts: list[Written]) -> Written:
        return _join("and", parts)

    def none_of(self, parts: list[Written]) -> Written:
        return _join("not", parts)


def _join(word: str, parts: list[Written]) -> Written:
    try:
        return join(word, tuple(parts))
    except TooDeepError as error:
        raise _MisplacedError(str(error), _start(parts[0])) from None


def _start(tree: Written) -> int:
    while isinstance(tree, Junction):
        tree = tree.parts[0]
    return tree.term.word.start if isinstance(tree, Finding) else tree.field.start
