"""The number of images of a finding, looked up without anything of the query language."""

import os

from cxr_duck.engines.engine import Engine
from cxr_duck.index.damaged import without_damaged
from cxr_duck.terms.default import DEFAULT_HIERARCHY

__all__ = ["count_of_finding"]


def count_of_finding(
    engine: Engine, text: str, hierarchy: str | os.PathLike[str], damaged: bool
) -> int:
    """Return the images of a text that is a finding to the letter, 0 where it is to be parsed."""
    if hierarchy != DEFAULT_HIERARCHY or not isinstance(text, str):
        return 0
    postings = without_damaged(engine, "postings", damaged)
    return int(engine.scalar(f"SELECT count(*) FROM {postings} WHERE finding = ?", text))
