"""Answers a query by SQL in three forms: its rows, its number of images, their ids."""

import os
from dataclasses import dataclass, replace
from typing import Literal

from cxr_duck.engines.engine import Engine
from cxr_duck.engines.stages import stage
from cxr_duck.index.damaged import without_damaged
from cxr_duck.index.pure import is_pure
from cxr_duck.query.compile import Compiled, compile_query, condition_on_postings
from cxr_duck.query.fields import Fields
from cxr_duck.query.rows import Rows
from cxr_duck.query.tree import Compared, Shown, join
from cxr_duck.terms.hierarchy import DEFAULT_HIERARCHY
from cxr_duck.terms.stored import open_hierarchy

__all__ = ["Form", "Question", "ask"]

Form = Literal["rows", "count", "ids"]

# The line of `sql/query` that leaves images with a damaged file out.
_SOUND = "ANTI JOIN damaged_images USING (image_id)\n"


@dataclass(frozen=True)
class Question:
    """A query in three forms on an engine, each of which can be run or shown as a script.

    `rows` come in the order of their image ids. For a query of one finding, in any places, they
    are image_id, patient_id, study_id, localizations, known_by, finding_cuis and
    localization_cuis, those of that finding's posting; else
    image_id, patient_id, study_id, projection and findings. `count` is one row, the number of
    images; `ids` are image_id alone.
    """

    engine: Engine
    rows: Compiled
    count: Compiled
    ids: Compiled

    def rows_of(self, form: Form = "rows", limit: int | None = None) -> Rows:
        """Return the rows of a form, at most so many, to be taken from the engine."""
        chosen = self._form(form, limit)
        return Rows(self.engine, chosen.sql, chosen.params)

    def images(self) -> int:
        """Return the number of images that the query holds for."""
        _, rows = self.rows_of("count").stream()
        return int(next(rows)[0])

    def script(self, form: Form = "rows", limit: int | None = None) -> str:
        """Return a form as SQL with its values in it, for a shell."""
        return self._form(form, limit).script

    def _form(self, form: Form, limit: int | None) -> Compiled:
        chosen = {"rows": self.rows, "count": self.count, "ids": self.ids}[form]
        return chosen.first(limit) if limit and form != "count" else chosen


def ask(
    engine: Engine,
    text: str,
    hierarchy: str | os.PathLike[str] = DEFAULT_HIERARCHY,
    damaged: bool = False,
) -> Question:
    """Return the question that a query asks of a store; of `damaged` images too, if asked for.

    A text that is a finding of the index to the letter is that finding; else it is read as the
    language. A pure index answers for images with exactly one finding.

    Raises QueryError or UnknownTermError, which show the place of the mistake.
    """
    name = str(hierarchy)
    if name != DEFAULT_HIERARCHY:
        name, _ = open_hierarchy(engine, hierarchy)
    if isinstance(text, str) and _is_finding(engine, text):
        return _question(
            engine,
            Compiled({}, stage("finding_postings").sql, {"finding": text}),
            Compiled(
                {}, "SELECT image_id\nFROM postings\nWHERE finding = $finding", {"finding": text}
            ),
            damaged,
        )
    from cxr_duck.query.parse import parse
    from cxr_duck.query.resolve import is_one_finding, resolve_tree

    written = parse(text)
    tree = resolve_tree(engine, text, written, name)
    if not isinstance(tree, Shown) and is_pure(engine):  # findings are looked up in the index
        tree = join("and", (tree, Compared("findings", "length", "=", (1,))))
    matching = compile_query(tree, Fields(engine).columns)
    if isinstance(tree, Shown) and is_one_finding(written):
        return _question(engine, _postings(tree, matching), matching, damaged)
    return _question(engine, _images(matching), matching, damaged)


def _is_finding(engine: Engine, text: str) -> bool:
    """Tell whether a text is a finding of the index to the letter."""
    return bool(engine.fetch("SELECT 1 FROM postings WHERE finding = ? LIMIT 1", text))


def _question(engine: Engine, rows: Compiled, matching: Compiled, damaged: bool) -> Question:
    """Return a question; `rows` leaves images with a damaged file out by _SOUND."""
    ctes = {**matching.ctes, "matching": matching.select}
    sound = without_damaged(engine, "matching", damaged)
    found = f"FROM {sound}"
    if sound == "matching":  # nothing is to be left out
        rows = replace(rows, select=rows.select.replace(_SOUND, ""))
    count = Compiled(ctes, f"SELECT count(*) AS images\n{found}", matching.params)
    ids = Compiled(ctes, f"SELECT image_id\n{found}\nORDER BY image_id", matching.params)
    return Question(engine, rows, count, ids)


def _postings(tree: Shown, matching: Compiled) -> Compiled:
    """Return the rows of one finding, in the form of `sql/query/finding_postings.sql`."""
    select = stage("finding_postings").sql.replace(
        "finding = $finding", condition_on_postings(tree)
    )
    return Compiled({}, select, matching.params)


def _images(matching: Compiled) -> Compiled:
    """Return the rows of a query, of `images`."""
    ctes = {**matching.ctes, "matching": matching.select}
    return Compiled(ctes, stage("matching_images").sql, matching.params)
