"""The Parquet files of a store: written, listed in the catalog, and read by its views."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from hashlib import file_digest
from itertools import count
from pathlib import Path

import duckdb

from cxr_duck.engines.engine import Engine, Layout
from cxr_duck.engines.own_fields import ADDED
from cxr_duck.errors import StageError, StoreError
from cxr_duck.io.urls import delete_file, open_file
from cxr_duck.store.publication import Publication
from cxr_duck.store.relations import RELATIONS

__all__ = [
    "DataFile",
    "DataWriter",
    "changed_files",
    "data_files",
    "layout_of",
    "show_files",
]

_GROUP = 122_880  # rows of a row group, which has statistics of its own


def layout_of(relation: str, rows: int, provenance: dict[str, str]) -> Layout:
    """Return how a relation of so many rows is laid out.

    A look-up asks the statistics of every row group of a relation, and reads one at least: there
    are as few as 256 of them where that makes them no smaller than four vectors.
    """
    kept = RELATIONS[relation]
    small = min(max(2048 * (rows // (256 * 2048) + 1), 8192), _GROUP)
    return Layout(kept.sorted_by, small if kept.looked_up else _GROUP, provenance)


@dataclass(frozen=True)
class DataFile:
    """A Parquet file of the store; `path` is relative to the store's folder."""

    relation: str
    path: str
    publication: int
    rows: int
    bytes: int
    sha256: str


def data_files(catalog: duckdb.DuckDBPyConnection, *relations: str) -> list[DataFile]:
    """Return the files of some relations, or of all, in the order in which they were written."""
    rows = catalog.execute(
        "SELECT relation, path, publication, rows, bytes, sha256 FROM data_files "
        "WHERE list_contains(?, relation) ORDER BY publication, path",
        [list(relations or RELATIONS)],
    ).fetchall()
    return [DataFile(*row) for row in rows]


def changed_files(store: Path | str, files: Iterable[DataFile]) -> Iterator[tuple[str, str]]:
    """Yield the path of each file whose bytes are not those that were written, and what is so."""
    for listed in files:
        try:
            with open_file(store, listed.path) as file:
                digest = file_digest(file, "sha256").hexdigest()
        except OSError as error:
            yield listed.path, f"can't be read: {error.strerror or error}"
        else:
            if digest != listed.sha256:
                yield listed.path, f"SHA-256 is {digest}, was {listed.sha256}"


def _damaged(store: Path | str, problem: str) -> StoreError:
    return StoreError(
        f"a data file of {store} is damaged ({problem}): bring it back from a copy, or index the "
        "label files into a new folder"
    )


def show_files(
    engine: Engine, publication: Publication, relation: str, shown_as: str | None = None
) -> None:
    """Let an engine see a relation's data files, under its own name or another."""
    files = data_files(publication.catalog, relation)
    paths = [file.path for file in files]
    engine.read_files(shown_as or relation, publication.store, paths, ADDED.get(relation))


class DataWriter:
    """Writes the data files of one publication and keeps the catalog's list of them."""

    def __init__(
        self, engine: Engine, publication: Publication, provenance: dict[str, str]
    ) -> None:
        self._engine = engine
        self._publication = publication
        self._provenance = provenance
        self._numbers = {relation: count(1) for relation in RELATIONS}

    def write(self, relation: str, stage: str, *, rows: int, **params: object) -> list[DataFile]:
        """Write a stage's rows as files of a relation, which `add` puts into the list.

        They are sorted, and laid out for about so many `rows` of the relation. May be called from
        several threads, for one relation each.
        """
        parts = self._engine.write(
            stage,
            self._publication.folder,
            f"{relation}-{next(self._numbers[relation]):04d}",
            layout_of(relation, rows, self._provenance),
            **params,
        )
        return [
            DataFile(
                relation,
                self._publication.path_of(part.name),
                self._publication.number,
                part.rows,
                part.bytes,
                part.sha256,
            )
            for part in parts
        ]

    def add(self, files: Iterable[DataFile]) -> None:
        """Put files into the list; one without rows only where the relation has no other."""
        catalog = self._publication.catalog
        for file in files:
            if file.rows or not data_files(catalog, file.relation):
                catalog.execute(
                    "INSERT INTO listed_files VALUES (?, ?, ?, ?, ?, ?)", list(astuple(file))
                )
            else:
                delete_file(self._publication.store, file.path)

    def write_first(self) -> None:
        """Write the first files of a new store, without rows, of the relations that have them."""
        for name, relation in RELATIONS.items():
            if relation.begins_empty:
                assert relation.columns is not None
                self._engine.put("data_file", relation.columns, [])
                self.add(self.write(name, "merged_rows", rows=0))

    def drop(self, files: Sequence[DataFile]) -> None:
        """Take files out of the list; they stay on the disk for those who read an older state."""
        self._publication.catalog.execute(
            "DELETE FROM listed_files WHERE list_contains(?, path)", [[file.path for file in files]]
        )

    def filter(self, relation: str, stage: str) -> None:
        """Write files of a relation anew with the rows of `data_file` that a stage keeps.

        Files that lose nothing stay as they are.
        """
        for file in data_files(self._publication.catalog, relation):
            self._point_at([file])
            if self._engine.count(stage) != file.rows:
                self._write_anew([file], stage)

    def merge(self, files: Sequence[DataFile]) -> None:
        """Write several files of a relation as one."""
        self._point_at(files)
        self._write_anew(files, "merged_rows")

    def _point_at(self, files: Sequence[DataFile]) -> None:
        """Let the relation data_file be the rows of some files."""
        try:
            self._engine.read_files(
                "data_file",
                self._publication.store,
                [file.path for file in files],
                ADDED.get(files[0].relation),
            )
        except StageError as error:
            raise _damaged(self._publication.store, error.reason) from error

    def _write_anew(self, files: Sequence[DataFile], stage: str) -> None:
        for path, problem in changed_files(self._publication.store, files):
            raise _damaged(self._publication.store, f"{path}: {problem}")
        relation = files[0].relation
        if "finding" in RELATIONS[relation].sorted_by:
            self._engine.number_findings("SELECT DISTINCT finding FROM data_file")
        self.drop(files)
        self.add(self.write(relation, stage, rows=sum(file.rows for file in files)))
