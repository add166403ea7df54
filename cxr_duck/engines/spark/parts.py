"""Writes Parquet files on Spark's workers, one per task.

Only a file that its task answered for is listed in the store's catalog: what a worker leaves that
dies, or that was not needed after all, is no part of the store. This module is sent to the workers
as it is, and they need pyarrow alone: it imports nothing of this package.
"""

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO
from uuid import uuid4

if TYPE_CHECKING:
    import pyarrow

__all__ = ["COLUMNS", "PartWriter", "in_folder"]

COLUMNS = "name string, rows bigint, bytes bigint, sha256 string"


class _Hashed(io.RawIOBase):
    """A file that is written once from the start, and the digest of its bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._file.write(data)
        self.digest.update(data)
        self.size += memoryview(data).nbytes
        return memoryview(data).nbytes

    def tell(self) -> int:
        return self.size


@dataclass(frozen=True)
class PartWriter:
    """Writes the rows of a task as a Parquet file; `create` makes one of a name.

    Row groups have so many rows, and the file's metadata what `facts` say.
    """

    create: Callable[[str], BinaryIO]
    stem: str
    row_group: int
    facts: dict[str, str]

    def __call__(self, batches: "Iterable[pyarrow.RecordBatch]") -> "Iterator[pyarrow.RecordBatch]":
        """Write the batches, and answer with one row of COLUMNS; none where there are no rows."""
        import pyarrow

        tables = (pyarrow.Table.from_batches([batch]) for batch in batches if batch.num_rows)
        first = next(tables, None)
        if first is not None:
            yield pyarrow.RecordBatch.from_pylist([self.write(first, tables)])

    def write(
        self, first: "pyarrow.Table", others: "Iterable[pyarrow.Table]" = ()
    ) -> dict[str, Any]:
        """Write tables of the same columns as one file; return its row of COLUMNS."""
        from pyarrow import parquet
        from pyspark import TaskContext

        task = TaskContext.get()
        number = 0 if task is None else task.partitionId()
        name = f"{self.stem}-{number:05d}-{uuid4().hex[:16]}.parquet"
        schema = first.schema.with_metadata(self.facts)
        rows = 0
        with self.create(name) as file:
            hashed = _Hashed(file)
            with parquet.ParquetWriter(hashed, schema, compression="snappy") as writer:
                for group in self._groups(first, others):
                    writer.write_table(group.replace_schema_metadata(self.facts), self.row_group)
                    rows += group.num_rows
        return {
            "name": name, "rows": rows, "bytes": hashed.size, "sha256": hashed.digest.hexdigest(),
        }  # fmt: skip

    def _groups(
        self, first: "pyarrow.Table", others: "Iterable[pyarrow.Table]"
    ) -> "Iterator[pyarrow.Table]":
        """Yield the rows in tables of a row group each."""
        import pyarrow

        waiting, rows = [first], first.num_rows
        for table in others:
            waiting.append(table)
            rows += table.num_rows
            if rows >= self.row_group:
                whole = pyarrow.concat_tables(waiting)
                full = rows - rows % self.row_group
                for start in range(0, full, self.row_group):
                    yield whole.slice(start, self.row_group)
                waiting, rows = [whole.slice(full)], rows - full
        yield pyarrow.concat_tables(waiting)


def in_folder(folder: str) -> Callable[[str], BinaryIO]:
    """Return what makes a file of a name in a folder that every worker sees at the same path."""

    def create(name: str) -> BinaryIO:
        return open(f"{folder}/{name}", "xb")

    return create
