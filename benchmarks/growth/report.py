"""The figures as tables, slopes and sentences, printed or written into a page.

A page has a line `<!-- growth: NAME -->` ahead of each table, and `<!-- end -->` after it: what is
between them is written anew.
"""

import re
from collections.abc import Callable
from pathlib import Path

from benchmarks.growth.paper import breaks, paper, shuffles, verdict
from benchmarks.growth.results import DUCKDB, Results
from benchmarks.growth.tables import rows_of, table

__all__ = ["SECTIONS", "filled", "profile", "report"]


def report(results: Results, page: Path | None) -> None:
    """Print all sections, or write them into a page; SystemExit where the engines differ."""
    results.check()
    if page is None:
        for name, section in SECTIONS.items():
            print(f"\n{name}\n\n{section(results)}")
        return
    page.write_text(filled(page.read_text(encoding="utf-8"), results), encoding="utf-8")


def filled(text: str, results: Results) -> str:
    """Return a page's text with its sections written anew."""

    def section(match: re.Match[str]) -> str:
        return f"{match[1]}\n{SECTIONS[match[2]](results)}\n{match[3]}"

    return re.sub(r"(<!-- growth: (\w+) -->)\n.*?(<!-- end -->)", section, text, flags=re.DOTALL)


def machine(results: Results) -> str:
    """Return what it was measured on."""
    fact = results.of("machine")[-1]
    told = (
        f"{fact['text']}; {fact['memory'] / 1e9:.0f} GB of memory, {fact['disk'] / 1e9:.0f} GB of "
        f"disk free; DuckDB within {fact['duckdb_limit']}"
    )
    releases = [other["spark"] for other in results.facts if other.get("spark") and "text" in other]
    if not releases:
        return f"{told}."
    return (
        f"{told}; pyspark {releases[-1]} with a heap of {fact['spark_heap']}, and the DuckDB that "
        "reads the label file beside it within as much."
    )


def commands(results: Results) -> str:
    """Return what each command took at each size, by engine."""
    engines = results.engines
    head = ["command", "rows"]
    for engine in engines:
        head += [f"{engine}, s", "CPU, s", "memory, GB", "disk, GB"]
    lines = []
    for command in results.commands:
        for rows in rows_of(results, command):
            line = [f"`{command}`" if " " not in command else command, f"{rows:,}"]
            for engine in engines:
                run = results.one("run", command=command, rows=rows, engine=engine)
                line += ["", "", "", ""] if run is None else [
                    f"{run['seconds']:.2f}", f"{run['cpu']:.2f}", f"{run['memory'] / 1e9:.2f}",
                    f"{run['disk'] / 1e9:.2f}",
                ]  # fmt: skip
            lines.append(line)
    return table(head, lines, left=1)


def sizes(results: Results) -> str:
    """Return the bytes of the label file and of what is made of it."""
    head = ["rows", "label file, MB", "engine", "images, MB", "postings, MB", "files"]
    head += ["catalog, MB", "images of the dataset", "its members in memory, MB"]
    lines = []
    for labels in results.of("labels"):
        for store in results.of("store", times=labels["times"]):
            held = store["bytes"]
            lines.append([
                f"{labels['rows']:,}", f"{labels['bytes'] / 1e6:,.1f}", store["engine"],
                f"{held['images'] / 1e6:,.1f}", f"{held['postings'] / 1e6:,.1f}",
                f"{store['files']}", f"{store['catalog'] / 1e6:,.1f}", f"{store['members']:,}",
                f"{store['members_bytes'] / 1e6:,.1f}",
            ])  # fmt: skip
    return table(head, lines, left=0)


def slopes(results: Results) -> str:
    """Return the line through each command's seconds, and where DuckDB's and Spark's cross."""
    head = ["command", "engine", "sizes", "seconds at 0 rows", "seconds a million rows", "miss"]
    lines = []
    for command in results.commands:
        for engine in results.engines:
            line = results.line(engine, command)
            if line is not None:
                lines.append([
                    command, engine, f"{line.points}", f"{line.start:.2f}",
                    f"{line.slope * 1e6:.3f}", f"{line.miss:.0%}",
                ])  # fmt: skip
    if not lines:
        return "No command was measured at two sizes yet."
    return table(head, lines, left=2)


def look_ups(results: Results) -> str:
    """Return how long look-ups in a DuckDB process take, before and after `cxr compact`."""
    rows = sorted({fact["rows"] for fact in results.of("look-up")})
    head = ["finding", "`cxr compact`"]
    for number in rows:
        head += [f"images of {number:,} rows", "ms"]
    lines = []
    for compacted in (False, True):
        found = results.of("look-up", compacted=compacted)
        for finding in dict.fromkeys(fact["finding"] for fact in found):
            line = [finding, "after" if compacted else "before"]
            for number in rows:
                fact = results.one("look-up", compacted=compacted, finding=finding, rows=number)
                line += ["", ""] if fact is None else [
                    f"{fact['images']:,}", f"{fact['seconds'] * 1000:.2f}"
                ]  # fmt: skip
            lines.append(line)
    return table(head, lines, left=2)


def profile(results: Results) -> str:
    """Return what DuckDB's time of a command is spent on (see stage_times.py)."""
    lines = []
    for fact in results.of("profile"):
        whole = fact["parts"][0][2]
        lines += [
            [f"`{fact['command']}`", f"{fact['rows']:,}", f"{kind} {name}", f"{seconds:.2f}",
             f"{seconds / whole:.0%}"]
            for kind, name, seconds in fact["parts"][1:]
        ]  # fmt: skip
    return table(["command", "rows", "", "seconds", "share"], lines, left=3)


def same(results: Results) -> str:
    """Return at which sizes all engines made the same dataset."""
    told = [f"The same dataset at {line}." for line in results.check()]
    for failure in results.of("failure"):
        if results.one("store", times=failure["times"], engine=failure["engine"]) is None:
            told.append(
                f"{failure['engine']} came to no end at {failure['rows']:,} rows: {failure['what']}"
            )
    return "\n".join(told) or (
        f"Only {' and '.join(results.engines) or DUCKDB} was measured: nothing to compare."
    )


SECTIONS: dict[str, Callable[[Results], str]] = {
    "machine": machine,
    "commands": commands,
    "same": same,
    "sizes": sizes,
    "slopes": slopes,
    "verdict": verdict,
    "shuffles": shuffles,
    "paper": paper,
    "breaks": breaks,
    "profile": profile,
    "lookups": look_ups,
}
