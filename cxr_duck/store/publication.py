"""A change of a store while it is made: its folder, its catalog, its number."""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from cxr_duck.engines.sql_text import quoted
from cxr_duck.store.local_folder import StoreFolder

__all__ = ["Publication"]


@dataclass
class Publication:
    """A state of the store in the making: its number, its data folder, its copy of the catalog.

    `folder` is that of its data files, a path or a URL as the store's is. Once it is `discarded`
    the store stays as it was. With `forgetting` the state before it goes from the disk at once,
    unless another process has it open.
    """

    home: StoreFolder
    number: int
    folder: Path | str
    catalog: duckdb.DuckDBPyConnection
    discarded: bool = False
    forgetting: bool = False

    @property
    def store(self) -> Path | str:
        """The folder of the store: a path, or a URL."""
        return self.home.root

    def show_columns(self) -> None:
        """Let DuckDB see the columns of the data files that are listed, wherever they lie."""
        listed = self.catalog.execute("SELECT relation, path FROM data_files").fetchall()
        if (stand_ins := self.home.stand_ins(listed)) is not None:
            self.catalog.execute(f"SET VARIABLE cxr_store = {quoted(stand_ins)}")

    def path_of(self, name: str) -> str:
        """Return the path of one of its data files, relative to the store's folder."""
        return f"data/{Path(self.folder).name}/{name}"
