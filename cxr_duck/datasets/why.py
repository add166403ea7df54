"""Explains why an image is or isn't in a dataset."""

from collections.abc import Callable
from dataclasses import replace

from cxr_duck.datasets.allocation.decisions import OtherPatients
from cxr_duck.datasets.dataset import Dataset
from cxr_duck.datasets.filters import FILTERS, judge_images
from cxr_duck.datasets.making import make_dataset_on
from cxr_duck.datasets.record.record import read_dataset_on
from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.errors import DatasetError, QueryError, RecipeError
from cxr_duck.index.image_facts import ImageFacts, Row, Verdict, facts_of, find_id, rows_of_image
from cxr_duck.query.compile import compile_query
from cxr_duck.query.fields import Fields
from cxr_duck.query.tree import from_plain
from cxr_duck.store.store import Store

__all__ = ["image_facts"]


def image_facts(store: Store, word: str, dataset: str | None = None) -> ImageFacts:
    """Return what is known of an image, given by its id or by the beginning of its id alone.

    With a recorded dataset's name also why the image is or isn't in it. Raises UnknownImageError
    with the nearest ids, or DatasetError.
    """
    engine = store.duckdb()
    recorded = read_dataset_on(engine, dataset) if dataset is not None else None
    image_id = find_id(engine, word)
    facts = replace(
        facts_of(engine, image_id), datasets=rows_of_image(engine, "image_datasets", image_id)
    )
    if recorded is None:
        return facts
    return replace(facts, verdict=_Walk(engine, facts, recorded).verdict())


class _Walk:
    """The way of one image through the relations that make a dataset, up to where it drops out."""

    def __init__(self, engine: DuckDBEngine, facts: ImageFacts, recorded: Dataset) -> None:
        self.engine = engine
        self.image_id = facts.image_id
        self.facts = facts
        self.recorded = recorded
        self.recipe = recorded.recipe
        self.memberships = [row for row in facts.datasets if row["dataset"] == recorded.name]

    def verdict(self) -> Verdict:
        """Make the dataset again and look where the image drops out of it."""
        reason, told = self._record() if self._is_todays() else self._changed()
        return Verdict(self.recorded.name, bool(self.memberships), reason, told)

    def _is_todays(self) -> bool:
        """Tell whether today's index makes the same dataset; its relations stay on the engine."""
        try:
            decided = self.recorded.decisions if self.recorded.decisions.quotas else None
            made = make_dataset_on(self.engine, self.recipe, self.recorded.name, decided=decided)
        except (QueryError, RecipeError, DatasetError, OtherPatients):
            return False
        return made.digest == self.recorded.digest

    def _changed(self) -> tuple[str, str]:
        said = self._membership() if self.memberships else "it is not in it"
        return "changed", (
            f"the record says: {said}; today's index makes another dataset of the recipe, "
            "so that it can't be explained further ('cxr reproduce' shows the differences)"
        )

    def _record(self) -> tuple[str, str]:
        if self.memberships:
            return "member", f"it is {self._membership()}"
        if self.facts.image is None:
            cause = ": its row of the label file was refused" if self.facts.rejects else ""
            if self.facts.removed:
                cause = ": it was removed from the store"
            return "index", f"it is not in the index{cause}"
        taker = self._taker()
        detail = self._details().get(taker, str)()
        return taker, FILTERS[taker].image.format(detail=detail)

    def _taker(self) -> str:
        """Return the filter that takes the image, in the class where it comes furthest."""
        if not self._in("class_images"):
            self.engine.append(
                "class_images",
                "SELECT $class AS class, $image_id AS image_id",
                {"class": "", "image_id": self.image_id},
            )
            judge_images(self.engine, self.recipe)
        takers = self.engine.fetch(
            "SELECT filter FROM judged_images WHERE image_id = ?", self.image_id
        )
        return str(max((taker for (taker,) in takers), key=list(FILTERS).index))

    def _details(self) -> dict[str, Callable[[], str]]:
        """Return, for each filter whose sentence speaks of the image itself, what it says."""
        return {
            "where": lambda: str(self.recipe.where),
            "within": self._within,
            "damaged": lambda: str(self.facts.check["told"]) if self.facts.check else "not known",
            "exclude": self._exclusion,
            "pure": lambda: ", ".join(self._image()["findings"]) or "none",
            "class": self._no_class,
            "overlap": self._overlap,
            "balance": self._unmatched if self.recipe.match else self._undrawn,
            "size": lambda: self.recipe.units,
        }

    def _within(self) -> str:
        within = self.recipe.within or {}
        return within["name"] + (f", split {within['split']}" if "split" in within else "")

    def _no_class(self) -> str:
        none = "it" if self.facts.postings else "it has no posting, and"
        return f"{none} is in no class of: {', '.join(self.recipe.classes)}"

    def _overlap(self) -> str:
        """Say why the overlap of classes takes the image out, itself or as part of its unit."""
        classes = self._classes("candidates")
        if len(classes) > 1:
            return f"it belongs to more than one class: {', '.join(classes)}"
        return f"its {self.recipe.unit} belongs to more than one class"

    def _membership(self) -> str:
        return "; ".join(
            f"in class {row['class']}, as {', '.join(row['findings'])}, split {row['split']}"
            for row in self.memberships
        )

    def _exclusion(self) -> str:
        """Say which excluded findings the image has, or else which queries exclude it."""
        translated = {row["finding"] for row in self.facts.postings} & set(self.recipe.excluded)
        if translated:
            return f"it has an excluded finding: {', '.join(sorted(translated))}"
        columns = Fields(self.engine).columns
        met = []
        for text, plain in self.recipe.trees.items():
            found = compile_query(from_plain(plain), columns)
            query = f"SELECT count(*) FROM (\n{found.sql}\n) WHERE image_id = $this_image"
            params = {**found.params, "this_image": self.image_id}
            if text in self.recipe.exclude and self.engine.connection.execute(
                query, params
            ).fetchall() != [(0,)]:
                met.append(text)
        return f"it meets the exclusion {', '.join(met)}"

    def _undrawn(self) -> str:
        """Say how many were drawn where chance left the image out."""
        rows = self.engine.rows("balancing", image_id=self.image_id)
        drawn = " and ".join(
            f"{kept:,} of the {available:,} {self.recipe.units} of {term}"
            for term, _, available, kept in rows
        )
        balance = "equal" if self.recipe.balance == "equal" else "in their ratio"
        return (
            f"its patient belongs to {rows[0][1]}, where {drawn} were drawn, so that the classes "
            f"are {balance}"
        )

    def _unmatched(self) -> str:
        rows = self.engine.rows("drawn_combinations", image_id=self.image_id)
        drawn = " and ".join(
            f"{kept:,} of the {available:,} {self.recipe.units} of {term}"
            for term, _, _, available, kept in rows
        )
        return (
            f"its patient belongs to {rows[0][1]}, where {drawn} with {rows[0][2]} were drawn, so "
            "that the classes match"
        )

    def _image(self) -> Row:
        assert self.facts.image is not None
        return self.facts.image

    def _in(self, relation: str) -> bool:
        query = f"SELECT count(*) FROM {relation} WHERE image_id = ?"
        return bool(self.engine.scalar(query, self.image_id))

    def _classes(self, relation: str) -> list[str]:
        query = f"SELECT DISTINCT class FROM {relation} WHERE image_id = ? ORDER BY class"
        return [term for (term,) in self.engine.fetch(query, self.image_id)]
