"""Tables in Markdown, and which rows they have."""

from collections.abc import Sequence

from benchmarks.growth.results import Results

__all__ = ["rows_of", "table"]


def table(head: Sequence[str], lines: Sequence[Sequence[str]], left: int) -> str:
    """Return a table in Markdown whose first columns are aligned left, the others right."""
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *lines))


def rows_of(results: Results, command: str) -> list[int]:
    """Return the sizes, in rows, that a command was measured at."""
    return sorted({run["rows"] for run in results.of("run", command=command)})
