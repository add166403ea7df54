"""Tables on stdout: the bytes that rich draws, without rich drawing every row."""

import io
import random
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cxr_duck.cli.output import print_table


class Stdout(io.StringIO):
    """Takes what is printed, and is a terminal or not."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        """Tell what it was made as."""
        return self._terminal


@pytest.fixture(params=[False, True], ids=["pipe", "terminal"])
def replace_stdout(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Stdout]:
    """Let stdout be a pipe or a terminal from the call on, which returns it."""

    def replace() -> Stdout:
        taken = Stdout(request.param)
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.delenv("NO_COLOR", raising=False)
        monkeypatch.setattr(sys, "stdout", taken)
        return taken

    return replace


def drawn_by_rich(
    columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[bool]
) -> str:
    """Return the table as rich draws it whole, its lines without the spaces at their ends."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, right in zip(columns, numbers, strict=True):
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console(width=10_000, highlight=False)
    with console.capture() as drawn:
        console.print(table)
    return "\n".join(line.rstrip() for line in drawn.get().splitlines()) + "\n"


PLAIN = ["", "a", "demo_0000003_01-001-034.png", " lead and trail  ", "- , .", "[red]x[/red]"]
WIDE = ["ü", "漢字 of a film", "é\u0301", "\u200b", "a\xa0b \u3000", "👩", "ß" * 40]
ODD = [
    "two\nlines", "a\ttab", "\x1b[1mbold", "bell\x07", "a\r\nb", "\n", "next\x85line", "\u2028",
    "👩\u200d⚕\ufe0f", "\ufe0f", "🇩\u200d",
]  # fmt: skip
NAMES = ["image_id", "漢", "", "two\nlines", "[bold]x", "a_long_name_of_a_column", ":smile:"]
TABLES: dict[str, list[str]] = {
    "plain": PLAIN,
    "wide": PLAIN + WIDE,
    "odd": PLAIN + WIDE + ODD,
    "long": [*PLAIN, "long " * 300, "漢" * 700],
    "too long": [*PLAIN, "long " * 1500],
}


@pytest.mark.sampled
@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("seed", range(8))
def test_the_bytes_of_rich(replace_stdout: Callable[[], Stdout], kind: str, seed: int) -> None:
    """A table is what rich draws, to the byte, in a pipe and on a terminal."""
    chance = random.Random(seed)
    columns = chance.sample(NAMES, chance.randint(1, 5))
    rows = [
        [chance.choice(TABLES[kind]) for _ in columns] for _ in range(chance.choice([0, 1, 7, 40]))
    ]
    stdout = replace_stdout()
    wanted = drawn_by_rich(columns, rows, [False] * len(columns))
    print_table(columns, rows)
    assert stdout.getvalue() == wanted


def test_numbers_stand_to_the_right(replace_stdout: Callable[[], Stdout]) -> None:
    """A column with a number ends below itself, whatever else it has."""
    rows: list[list[Any]] = [
        [1, "a", None], [12345, 1.5, "漢 "], [-7, "b  ", 2], [2019, None, "two\nlines"],
        [True, [1, None, "x"], False],
    ]  # fmt: skip
    texts = [
        ["1", "a", ""], ["12,345", "1.5", "漢 "], ["-7", "b  ", "2"], ["2019", "", "two\nlines"],
        ["yes", "1, , x", "no"],
    ]  # fmt: skip
    columns = ["n", "mixed", "wide"]
    stdout = replace_stdout()
    wanted = drawn_by_rich(columns, texts, [True, True, True])
    print_table(columns, rows)
    assert stdout.getvalue() == wanted


def test_no_columns(replace_stdout: Callable[[], Stdout]) -> None:
    """A table of nothing is an empty line."""
    stdout = replace_stdout()
    print_table([], [])
    assert stdout.getvalue() == "\n"


def test_rich_draws_no_plain_row(
    replace_stdout: Callable[[], Stdout], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rich takes a quarter of a millisecond for a row: it is asked for rows of odd text alone."""
    stdout = replace_stdout()
    asked: list[Text] = []
    add_row = Table.add_row

    def counted(table: Table, *cells: Any, **options: Any) -> None:
        asked.append(cells[0])
        add_row(table, *cells, **options)

    monkeypatch.setattr(Table, "add_row", counted)
    odd = {500: "two\nlines", 501: "a\ttab"}
    print_table(["name", "n"], [[odd.get(n, f"film {n} é漢"), n] for n in range(20_001)])
    assert [str(cell) for cell in asked] == list(odd.values())
    assert stdout.getvalue().count("\n") == 20_003
