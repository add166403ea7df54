"""Resolves a query against a store: terms become findings and localizations, values typed.

What the query names and the store lacks is refused, with the nearest names and the column.
"""

import re
from collections.abc import Iterable
from functools import cached_property

from cxr_duck.engines.engine import Engine
from cxr_duck.errors import UnknownTermError
from cxr_duck.query.fields import Fields
from cxr_duck.query.mistakes import pictured
from cxr_duck.query.parse import parse
from cxr_duck.query.tree import (
    Compared,
    Comparison,
    Finding,
    Resolved,
    Shown,
    Term,
    Word,
    Written,
    leaves,
    map_leaves,
)
from cxr_duck.spelling import did_you_mean
from cxr_duck.terms.hierarchy import DEFAULT_HIERARCHY
from cxr_duck.terms.lookup import check_term, findings_below, unknown_finding

__all__ = ["is_one_finding", "resolve_query", "resolve_tree"]

_CUI = re.compile(r"C\d{7}")
_LOC = "loc "  # before a localization, as label files write it


def resolve_query(engine: Engine, text: str, hierarchy: str) -> Resolved:
    """Return the resolved tree of a query.

    Raises QueryError for what isn't the language or doesn't fit a field, UnknownTermError for a
    finding, term, place or CUI that the store lacks.
    """
    return resolve_tree(engine, text, parse(text), hierarchy)


def resolve_tree(engine: Engine, text: str, tree: Written, hierarchy: str) -> Resolved:
    """Return the resolved tree of a query that was parsed."""
    return _Resolving(engine, text, tree, hierarchy).resolved()


def is_one_finding(tree: Written) -> bool:
    """Tell whether a query is one finding by its name, in any places."""
    return isinstance(tree, Finding) and not tree.term.under and not _is_cui(tree.term.word)


def _is_cui(word: Word) -> bool:
    return not word.quoted and _CUI.fullmatch(word.text) is not None


class _Resolving:
    """Resolves one query; what it needs to know of the store is read once, when it is needed."""

    def __init__(self, engine: Engine, text: str, tree: Written, hierarchy: str) -> None:
        self._engine, self._text, self._tree = engine, text, tree
        self._hierarchy = hierarchy

    def resolved(self) -> Resolved:
        """Return the resolved tree."""
        return map_leaves(self._tree, self._leaf)

    def _leaf(self, leaf: Finding | Comparison) -> Resolved:
        if isinstance(leaf, Comparison):
            return self._fields.resolve(self._text, leaf)
        word = leaf.term.word
        if self._is_field(leaf):
            column = self._fields.find(word)
            assert column is not None
            return Compared(column, "truth", "=", (True,))
        findings = self._below[leaf.term] if leaf.term.under else self._findings_of(word)
        return Shown(tuple(sorted(findings)), tuple(self._place(place) for place in leaf.places))

    def _is_field(self, leaf: Finding) -> bool:
        """Tell whether a bare word is a field that is true or false, and no finding."""
        word = leaf.term.word
        if leaf.term.under or leaf.places or word.quoted or word.text in self._findings:
            return False
        column = self._fields.find(word)
        return column is not None and self._fields.kind(column) == "truth"

    def _findings_of(self, word: Word) -> set[str]:
        """Return the finding of a name, or those of a CUI."""
        if _is_cui(word):
            found = {term for term, _ in self._terms_of(word)} & self._findings
            if not found:
                raise self._refusal(word, f"no image has a finding with the CUI {word.text}")
            return found
        if word.text not in self._findings:
            raise self._no_finding(word)
        return {word.text}

    def _no_finding(self, word: Word) -> UnknownTermError:
        column = self._fields.find(word)
        if column is not None and not word.quoted:
            return self._refusal(
                word, f"{column} is a field: compare it, as in {self._fields.example(column)}"
            )
        if word.text in self._places:
            return self._refusal(word, f"{word.text!r} is a place: write FINDING @ {word.text}")
        if word.text in self._trees:
            below = findings_below(self._engine, [word.text], self._hierarchy)[word.text]
            sentence = f"no image has the finding {word.text!r}, nor one below it"
            if below:
                sentence = (
                    f"no image has the finding {word.text!r} itself: write under({word.text})"
                )
            return self._refusal(word, sentence)
        return self._refusal(word, str(unknown_finding(self._engine, word.text)))

    @cached_property
    def _below(self) -> dict[Term, set[str]]:
        """The findings at or below each term that the query names with UNDER, looked up at once."""
        under = {
            leaf.term: self._terms_under(leaf.term.word)
            for leaf in leaves(self._tree)
            if isinstance(leaf, Finding) and leaf.term.under
        }
        terms = sorted({term for terms in under.values() for term in terms})
        below = findings_below(self._engine, terms, self._hierarchy)
        found: dict[Term, set[str]] = {}
        for term, heads in under.items():
            found[term] = {finding for head in heads for finding in below[head]}
            if not found[term]:
                raise self._refusal(
                    term.word, f"no image has a finding at or below {term.word.text!r}"
                )
        return found

    def _terms_under(self, word: Word) -> set[str]:
        """Return the terms that stand in under(…): the one of that name, or those of a CUI."""
        if _is_cui(word):
            heads = {
                term for term, hierarchy in self._terms_of(word) if hierarchy == self._hierarchy
            }
            if not heads:
                raise self._refusal(word, f"the hierarchy {self._hierarchy} has no {word.text}")
            return heads
        if word.text not in self._findings:
            if self._trees.get(word.text) == {"localization"}:
                raise self._refusal(
                    word, f"{word.text!r} is a place: write FINDING @ under({word.text})"
                )
            self._check_term(word, self._hierarchy)
        return {word.text}

    def _terms_of(self, word: Word) -> list[tuple[str, str]]:
        """Return the rows (term, hierarchy) of a CUI of findings; refuse any other."""
        rows = [row for row in self._terms if row[2] == word.text]
        if not rows:
            raise self._refusal(word, f"no hierarchy has the CUI {word.text}")
        found = [(term, hierarchy) for hierarchy, term, _, tree in rows if tree != "localization"]
        if not found:
            raise self._refusal(
                word, f"{word.text} is the CUI of a place: write FINDING @ {word.text}"
            )
        return found

    def _place(self, place: Term) -> tuple[str, ...]:
        """Return the localizations of a place."""
        word = place.word
        if _is_cui(word):
            names = {
                row[1] for row in self._terms if row[2] == word.text and row[3] == "localization"
            }
            if not names:
                raise self._refusal(word, f"no place has the CUI {word.text}")
            return self._localizations(names) if place.under else _sorted(_LOC + n for n in names)
        name = word.text.removeprefix(_LOC)
        if name not in self._places:
            return (self._unlisted_place(word, name),)
        return self._localizations({name}) if place.under else (_LOC + name,)

    def _localizations(self, places: set[str]) -> tuple[str, ...]:
        rows = self._engine.rows(
            "localizations_below",
            hierarchy=self._place_hierarchy,
            places=sorted(places),
        )
        return _sorted({*(row[0] for row in rows), *(_LOC + place for place in places)})

    def _unlisted_place(self, word: Word, name: str) -> str:
        """Return a localization of the index that no tree has; refuse a name that is none."""
        known = [row[0] for row in self._engine.rows("known_localizations")]
        for localization in (_LOC + name, name):
            if localization in known:
                return localization
        hint = did_you_mean(
            name,
            [place.removeprefix(_LOC) for place in known],
            "'cxr terms localization' shows all places",
        )
        raise self._refusal(word, f"no image has a finding in the place {name!r}: {hint}")

    def _check_term(self, word: Word, hierarchy: str) -> None:
        try:
            check_term(self._engine, word.text, hierarchy)
        except UnknownTermError as error:
            raise self._refusal(word, str(error)) from None

    def _refusal(self, word: Word, sentence: str) -> UnknownTermError:
        return UnknownTermError(pictured(self._text, word.start, sentence))

    @cached_property
    def _fields(self) -> Fields:
        return Fields(self._engine)

    @cached_property
    def _findings(self) -> frozenset[str]:
        rows = self._engine.fetch("SELECT DISTINCT finding FROM postings")
        return frozenset(finding for (finding,) in rows)

    @cached_property
    def _terms(self) -> list[tuple[str, str, str | None, str]]:
        """Rows (hierarchy, term, cui, tree)."""
        rows: list[tuple[str, str, str | None, str]] = self._engine.fetch(
            "SELECT DISTINCT hierarchy, term, cui, tree FROM terms ORDER BY ALL"
        )
        return rows

    @cached_property
    def _trees(self) -> dict[str, set[str]]:
        """The trees in which the query's hierarchy has each of its terms."""
        trees: dict[str, set[str]] = {}
        for hierarchy, term, _, tree in self._terms:
            if hierarchy == self._hierarchy:
                trees.setdefault(term, set()).add(tree)
        return trees

    @cached_property
    def _place_hierarchy(self) -> str:
        own = any(trees == {"localization"} for trees in self._trees.values())
        return self._hierarchy if own else DEFAULT_HIERARCHY

    @cached_property
    def _places(self) -> frozenset[str]:
        """The names of places in the hierarchy that knows them."""
        return frozenset(
            term
            for hierarchy, term, _, tree in self._terms
            if hierarchy == self._place_hierarchy and tree == "localization"
        )


def _sorted(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(words)))
