"""The inverted index: maps a finding to its images, each with its localizations."""

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from cxr_duck.index.damaged import leaves_out, without_damaged
from cxr_duck.store.store import Store
from cxr_duck.terms.lookup import unknown_finding

if TYPE_CHECKING:
    import polars
    import pyarrow


__all__ = ["InvertedIndex", "Postings"]


class Postings:
    """The images of one finding, in the order of their ids: the set S' of the paper.

    Iterates over pairs (image id, list of its localizations). `arrow` and `polars` hand out the
    same as columns `image_id` (string) and `localizations` (list of string), without a loop.
    """

    def __init__(self, finding: str, table: "pyarrow.Table") -> None:
        self.finding = finding
        self._table = table

    def __len__(self) -> int:
        """Return the number of images."""
        return int(self._table.num_rows)

    def __iter__(self) -> Iterator[tuple[str, list[str]]]:
        """Yield (image id, its localizations)."""
        ids = self._table.column("image_id").to_pylist()
        return zip(ids, self._table.column("localizations").to_pylist(), strict=True)

    def __repr__(self) -> str:
        """Say the finding and the number of images."""
        return f"Postings({self.finding!r}, {len(self)} images)"

    @property
    def image_ids(self) -> list[str]:
        """The ids of the images."""
        ids: list[str] = self._table.column("image_id").to_pylist()
        return ids

    def arrow(self) -> "pyarrow.Table":
        """Return the postings as an Arrow table."""
        return self._table

    def polars(self) -> "polars.DataFrame":
        """Return the postings as a polars DataFrame."""
        import polars

        frame = polars.from_arrow(self._table)
        assert isinstance(frame, polars.DataFrame)
        return frame


class InvertedIndex(Mapping[str, Postings]):
    """A read-only mapping: finding -> its `Postings`. Terms match by equality.

    A look-up reads the store at that moment; an unknown finding raises UnknownTermError (a
    KeyError) that names the nearest ones. Findings come in the order of their names. Images whose
    file was tested and found damaged are not in it (paper, check_integrity), unless `damaged` asks
    for them.
    """

    def __init__(self, store: Store | str | os.PathLike[str], *, damaged: bool = False) -> None:
        self._store = store if isinstance(store, Store) else Store(store)
        self._damaged = damaged

    def __getitem__(self, finding: str) -> Postings:
        """Return the images of a finding."""
        engine = self._store.engine()
        sound = leaves_out(engine, self._damaged)
        table = engine.arrow("sound_finding_images" if sound else "finding_images", finding=finding)
        if not table.num_rows:
            raise unknown_finding(engine, finding)
        return Postings(finding, table)

    def __iter__(self) -> Iterator[str]:
        """Yield the findings."""
        engine = self._store.engine()
        postings = without_damaged(engine, "postings", self._damaged)
        rows = engine.fetch(f"SELECT DISTINCT finding FROM {postings}")
        return iter(sorted(finding for (finding,) in rows))

    def __len__(self) -> int:
        """Return the number of findings."""
        engine = self._store.engine()
        postings = without_damaged(engine, "postings", self._damaged)
        return int(engine.scalar(f"SELECT count(DISTINCT finding) FROM {postings}"))
