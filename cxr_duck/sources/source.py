"""The contract of a repository's adapter: its columns and its SQL."""

from dataclasses import dataclass

__all__ = ["Source"]


@dataclass(frozen=True)
class Source:
    """How a repository writes its label file.

    `columns` are the label file's own names, in no particular order; `required` those without
    which nothing can be indexed. `stage` is the SQL that casts and cleans a record; it names its
    columns as `columns` does. `sentences` is the SQL that tells the sentences of a record's report
    apart.
    """

    name: str
    stage: str
    sentences: str
    columns: tuple[str, ...]
    required: frozenset[str]
    null_words: tuple[str, ...]
