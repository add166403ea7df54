"""The split that is audited: a recorded dataset, or a CSV file of image, split and class."""

import re
from contextlib import suppress
from pathlib import Path

import duckdb
import pyarrow

from cxr_duck.engines.duckdb import DuckDBEngine, connect
from cxr_duck.engines.sql_text import quoted
from cxr_duck.errors import AuditError
from cxr_duck.sources.csv_text import CsvText, open_csv
from cxr_duck.sources.records import count_plain, records_of

__all__ = ["COLUMNS", "make_csv_split", "make_recorded", "split_order"]

# The headers of a CSV file that are taken for each column, lowered, the first choice first.
COLUMNS = {
    "image": ("image", "image_id", "imageid", "path", "file", "filename"),
    "split": ("split", "set", "subset", "fold"),
    "class": ("class", "label", "target", "finding"),
}
_WHAT = "CSV file of image, split and class"
_ORDER = (("train", "training"), ("valid", "validation", "val", "dev"), ("test", "testing"))


def make_recorded(engine: DuckDBEngine, name: str) -> None:
    """Make csv_split and audited of a recorded dataset."""
    engine.make("recorded_split", dataset=name)
    engine.connection.execute("CREATE OR REPLACE TEMP VIEW csv_split AS FROM recorded_split")
    engine.make("audited", dataset=name)


def make_csv_split(engine: DuckDBEngine, path: Path) -> list[str]:
    """Make csv_split and audited of a CSV file; return what the user should know of its rows.

    Raises LabelFileError where it is no CSV file, AuditError where it lacks a column or rows.
    """
    rows = _read(path)
    engine.connection.register("csv_rows", rows)
    engine.make("csv_split")
    engine.make("audited", dataset=path.name)
    taken = int(engine.scalar("SELECT coalesce(sum(times + variants), 0) FROM csv_split"))
    if not taken:
        raise AuditError(f"{path} has no row with an image and a split: nothing can be audited")
    unclassed = int(
        engine.scalar("SELECT sum(times + variants) FILTER (class IS NULL) FROM csv_split") or 0
    )
    variants = int(engine.scalar("SELECT sum(variants) FROM csv_split"))
    remarks = [f"{variants:,} rows are variants, audited as their images"] if variants else []
    if left_out := rows.num_rows - taken:
        remarks.append(f"{left_out:,} rows without an image or a split are left out")
    if 0 < unclassed < taken:
        remarks.append(f"{unclassed:,} rows have no class")
    return remarks


def split_order(splits: list[str]) -> list[str]:
    """Return the names of splits as train, valid, test, and others after them by name."""
    usual = {name: place for place, names in enumerate(_ORDER) for name in names}
    return sorted(splits, key=lambda name: (usual.get(name.lower(), len(_ORDER)), name))


def _read(path: Path) -> "pyarrow.Table":
    """Return image, split, class and parent of each row of a CSV file, as text."""
    text = open_csv(path, _WHAT)
    places = _places(path, list(text.header))
    if (expected := count_plain(text)) is None:
        return _told_apart(text, places)
    chosen = ", ".join(
        f"{f'c{place}' if place is not None else 'CAST(NULL AS VARCHAR)'} AS {name}"
        for name, place in places.items()
    )
    types = ", ".join(f"c{number}: 'VARCHAR'" for number in range(len(text.header)))
    # The name is no pattern, whatever characters it holds.
    name = re.sub(r"([*?\[])", r"[\1]", str(path))
    line_end = "'\\r\\n'" if text.line_end == b"\r\n" else "'\\n'"
    query = (
        f"SELECT {chosen} FROM read_csv({quoted(name)}, auto_detect = false, header = true, "
        f"compression = '{'gzip' if text.compressed else 'none'}', "
        f"delim = {quoted(text.separator)}, quote = '\"', escape = '\"', "
        f"new_line = {line_end}, columns = {{{types}}})"
    )
    with suppress(duckdb.Error), connect() as connection:
        rows = connection.sql(query).to_arrow_table()
        if rows.num_rows == expected:
            return rows
    return _told_apart(text, places)


def _told_apart(text: CsvText, places: dict[str, int | None]) -> "pyarrow.Table":
    """Return the same record by record, or say which line can't be read."""
    columns: dict[str, list[str | None]] = {name: [] for name in places}
    for record in records_of(text):
        if record.problem is not None:
            raise AuditError(f"{text.path} can't be read as a {_WHAT}: {record.problem}")
        fields = record.fields(text)
        for name, place in places.items():
            columns[name].append(None if place is None else fields[place] or None)
    return pyarrow.table(columns, pyarrow.schema([(name, pyarrow.string()) for name in places]))


def _places(path: Path, header: list[str]) -> dict[str, int | None]:
    """Return the place of each column in a header; the class may be missing, and a parent."""
    lowered = [name.strip().strip('"').lower() for name in header]
    places: dict[str, int | None] = {}
    for column, names in COLUMNS.items():
        name = next((name for name in names if name in lowered), None)
        if name is None and column != "class":
            raise AuditError(
                f"{path} has no column of the {column}: call one {', '.join(names)}; "
                f"its header is {', '.join(header[:8])}{', …' if len(header) > 8 else ''}"
            )
        if name is not None and lowered.count(name) > 1:
            raise AuditError(f"{path} has the column {name} twice: rename one of them")
        places[column] = None if name is None else lowered.index(name)
    of_variants = all(lowered.count(name) == 1 for name in ("parent", "variant"))
    places["parent"] = lowered.index("parent") if of_variants else None
    return places
