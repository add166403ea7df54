"""Reads a label file into records and refusals, and decides whether it is fit to be indexed."""

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cxr_duck.engines.engine import Engine, PlainCsv
from cxr_duck.errors import LabelFileError
from cxr_duck.index.values import refuse_rounded_ids
from cxr_duck.sources.label_file import LabelFile
from cxr_duck.sources.source import Source

__all__ = ["read_label_file"]

# A run may refuse one row in a hundred. Of a short file ten rows, or one in ten.
_SHARE = 100
_FEW = 10

# What differs from row to row in a reason: a value, and which row or line it is about.
_PARTICULARS = re.compile(r": .*|^ImageID .*? (?=repeats|is said)| row [0-9]+$", re.DOTALL)


class _NotPlainError(Exception):
    """A label file can't be read as it stands."""


def read_label_file(
    engine: Engine,
    pool: ThreadPoolExecutor,
    source: Source,
    label_file: LabelFile,
    spill: Path,
    allowing: bool,
) -> None:
    """Make records, malformed, refusals and refused_text of a label file.

    `spill` is a folder for a copy of the file. LabelFileError where the records can't be told
    apart, or where none can be taken; where many can't, unless `allowing` that.
    """
    read = _tell_apart(engine, pool, source, label_file, spill)
    refuse_rounded_ids(engine, label_file)
    engine.define(source.sentences)
    engine.make("repeats")
    engine.make("refusals")
    refused = engine.fetch("SELECT row, reason FROM malformed UNION ALL FROM refusals ORDER BY row")
    if refused:
        _refuse_many(label_file.path, refused, read, allowing)
    texts = label_file.raw_records({row for row, _ in refused}) if refused else {}
    engine.put("refused_text", "row BIGINT, raw VARCHAR", list(texts.items()))


def _tell_apart(
    engine: Engine,
    pool: ThreadPoolExecutor,
    source: Source,
    label_file: LabelFile,
    spill: Path,
) -> int:
    """Make records and malformed; return how many records the file has.

    A file that all readers tell apart alike is read as it stands, while that is made sure of. Of
    any other the records that can be told apart are copied, each with its number, and read.
    """

    def count_plain() -> int | None:
        records = None
        try:
            records = label_file.count_plain()
        finally:
            if records is None:
                engine.stop()
        return records

    plain = pool.submit(count_plain)
    expected = 0

    def check_plain(records: int | None) -> None:
        if (counted := plain.result()) is None or records is None:
            raise _NotPlainError
        check(records, counted)

    def check(records: int | None, expected: int) -> None:
        if records not in (None, expected):
            raise LabelFileError(
                f"{label_file.path} has {expected:,} records, of which {records:,} were read: "
                "it was changed meanwhile, so index it again"
            )

    columns = ("source_row", *source.columns)
    try:
        file = PlainCsv(
            label_file.path, label_file.columns, label_file.compressed, label_file.text.line_end
        )
        engine.read_labels(source.stage, file, columns, source.null_words, check_plain)
        malformed: list[tuple[int, str]] = []
        expected = plain.result() or 0
    except _NotPlainError:
        copy = spill / "records.csv"
        expected, malformed = label_file.write_plain(copy)
        file = PlainCsv(copy, label_file.columns, numbered=True)
        engine.read_labels(
            source.stage, file, columns, source.null_words,
            lambda records: check(records, expected),
        )  # fmt: skip
    engine.put("malformed", "row BIGINT, reason VARCHAR", malformed)
    return expected + len(malformed)


def _refuse_many(path: Path, refused: list[tuple[int, str]], records: int, allowing: bool) -> None:
    """Raise LabelFileError where none or few of a file's records are left."""
    row, reason = refused[0]
    if len(refused) == records:
        raise LabelFileError(
            f"{path} has no row that can be read; the first: row {row:,}: {reason}"
        )
    if allowing or len(refused) <= max(records / _SHARE, min(records / _FEW, _FEW)):
        return
    kinds = Counter(_PARTICULARS.sub("", reason) for _, reason in refused)
    kind, share = kinds.most_common(1)[0]
    row, reason = next(pair for pair in refused if _PARTICULARS.sub("", pair[1]) == kind)
    raise LabelFileError(
        f"{len(refused):,} of the {records:,} rows of {path} can't be taken, {share:,} of them for "
        f"one reason, the first of these row {row:,}: {reason}. Nothing is indexed: mend the file, "
        f"or give --allow-rejects to index the other {records - len(refused):,}"
    )
