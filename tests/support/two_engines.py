"""What a run of the pipeline on DuckDB asked of its engine, to be asked of Spark again."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any
from zlib import crc32

import pyarrow
import pyarrow.parquet
import pytest

from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.engines.stages import stage

_RUNS = ("make", "define", "write", "count", "rows", "arrow")


@dataclass
class Asked:
    """A stage as it was run: its parameters, the files of what it read, what it gave."""

    name: str
    params: dict[str, Any]
    inputs: dict[str, Path]
    output: pyarrow.Table


@dataclass
class Recording:
    """The stages that ran while it was on, each once with the same inputs and parameters."""

    folder: Path
    asked: list[Asked] = field(default_factory=list)
    _seen: set[tuple[object, ...]] = field(default_factory=set)
    _lock: Any = field(default_factory=RLock)

    def note(self, engine: DuckDBEngine, name: str, params: dict[str, Any]) -> None:
        """Keep what a stage reads and what it gives."""
        part = stage(name)
        with self._lock:
            inputs = {relation: self._kept(engine, relation) for relation in part.reads}
            key = (name, repr(sorted(params.items())), *sorted(inputs.items()))
            if key not in self._seen:
                self._seen.add(key)
                output = engine.connection.sql(part.sql, params=params).to_arrow_table()
                self.asked.append(Asked(name, params, inputs, output))

    def _kept(self, engine: DuckDBEngine, relation: str) -> Path:
        """Return a Parquet file of a relation, the same one for the same rows."""
        rows = engine.connection.execute(
            f"SELECT count(*), bit_xor(hash(kept)), sum(hash(kept) % 65521) FROM {relation} AS kept"
        ).fetchall()[0]
        columns = crc32(repr(engine.connection.table(relation).types).encode())
        path = self.folder / f"{relation}-{columns}-{'-'.join(map(str, rows))}.parquet"
        if not path.exists():
            # Not by COPY: whoever reads a store may write no files.
            table = engine.connection.sql(f"SELECT * FROM {relation}").to_arrow_table()
            pyarrow.parquet.write_table(table, path)
        return path


@contextmanager
def recording(folder: Path) -> Iterator[Recording]:
    """Record what is asked of every DuckDBEngine."""
    recorded = Recording(folder)
    with pytest.MonkeyPatch.context() as patch:
        for method in _RUNS:
            patch.setattr(DuckDBEngine, method, _noting(recorded, getattr(DuckDBEngine, method)))
        read_labels = DuckDBEngine.read_labels

        def read(engine: DuckDBEngine, name: str, *rest: Any) -> None:
            read_labels(engine, name, *rest)
            recorded.note(engine, name, {})

        patch.setattr(DuckDBEngine, "read_labels", read)
        yield recorded


def _noting(recorded: Recording, run: Any) -> Any:
    def noted(engine: DuckDBEngine, name: str, *args: Any, **params: Any) -> Any:
        recorded.note(engine, name, params)
        return run(engine, name, *args, **params)

    return noted
