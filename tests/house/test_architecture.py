"""The walls of the house: rooms, their sentences, their folders, and the page that draws them."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from cxr_duck.engines.stages import SQL_FOLDER, all_stages
from docs.draw_architecture import (
    HANDED_ON,
    PACKAGE,
    PAGE,
    PARTS,
    ROOT,
    drawn_anew,
    layers,
    reduced,
    room_list,
    rooms,
)

MODULES = sorted(PACKAGE.rglob("*.py"))
DRAW = "the page is old: python -m docs.draw_architecture"
NO_ROOMS_OF_SQL = {"check", "shell"}
NO_ROOMS_OF_TESTS = {"benchmarks", "house", "real", "stores", "support"}


def first_line(module: Path) -> str:
    """Return the first line of a module's docstring."""
    return (ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or "").split("\n")[0]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_says_what_it_holds(module: Path) -> None:
    """The first line of its docstring is one sentence of some words, at most 100 columns wide."""
    line = first_line(module)
    assert re.fullmatch(r"[A-Z`].*[.…]", line), line
    assert line.endswith(".")
    assert len(line) <= 100
    assert not re.search(r"[.!?] [A-Z]", line), f"two sentences: {line}"
    assert len(line.split()) >= 5


def test_no_two_modules_say_the_same() -> None:
    """A sentence that fits two modules tells neither."""
    assert [line for line, n in Counter(map(first_line, MODULES)).items() if n > 1] == []


def test_every_folder_of_sql_is_a_room() -> None:
    """Its number taken off, it is a room, a package inside datasets, or check or shell."""
    folders = {path.name for path in SQL_FOLDER.iterdir() if any(path.glob("*.sql"))}
    names = {re.sub(r"^\d+_", "", name) for name in folders}
    assert len(names) == len(folders) > 10
    inside = {path.parent.name for path in (PACKAGE / "datasets").glob("*/__init__.py")}
    assert names - {*rooms()} - inside == NO_ROOMS_OF_SQL


def test_numbers_of_sql_are_in_the_order_of_the_rooms() -> None:
    """The numbered folders are the data's way, without a gap."""
    numbers = sorted(int(path.name[0]) for path in SQL_FOLDER.iterdir() if path.name[:1].isdigit())
    assert numbers == list(range(1, len(numbers) + 1))


def test_every_folder_of_the_tests_is_a_room() -> None:
    """`make test-room ROOM=…` runs what guards a room; the other folders are known by name."""
    folders = {
        path.name for path in (ROOT / "tests").iterdir()
        if path.is_dir() and not path.name.startswith("__")
    }  # fmt: skip
    assert folders - {*rooms()} == NO_ROOMS_OF_TESTS


def test_rooms_are_those_of_the_package() -> None:
    """The layers of .importlinter name every module and package at the top, and no other."""
    at_top = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    at_top |= {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert set(rooms()) == at_top
    assert layers()[-1] == ["cli"]


def test_page_has_the_sentences_of_the_rooms() -> None:
    """docs/architecture.md lists each room with the sentence of its docstring."""
    assert room_list() in PAGE.read_text(encoding="utf-8"), DRAW


def test_page_is_drawn_from_what_is() -> None:
    """Its pictures are those of the imports and of the cards as they are now."""
    pytest.importorskip("grimp", reason="the picture of the imports: needs grimp")
    page = PAGE.read_text(encoding="utf-8")
    assert drawn_anew(page) == page, DRAW
    assert all(part() in page for part in PARTS.values())


def test_what_python_hands_on_is_there() -> None:
    """The relations of the picture that no card tells are read or made by a stage, of others."""
    stages = {part.name: part for part in all_stages()}
    read = {name for part in stages.values() for name in part.reads}
    for name, origins in HANDED_ON.items():
        assert name in stages or name in read
        assert set(origins) <= stages.keys()


def test_arrows_that_others_lead_to_are_left_out() -> None:
    """An arrow from a to c is left out where a leads to b and b to c."""
    assert reduced({"a": {"b", "c"}, "b": {"c"}, "c": {"d"}, "d": set()}) == {
        "a": {"b"}, "b": {"c"}, "c": {"d"}, "d": set(),
    }  # fmt: skip


def names_of_the_page() -> list[tuple[str, str]]:
    """Return the files that the page names, each with a name said to be in it, or with ''."""
    found: list[tuple[str, str]] = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if re.match(r"\d\. |`\.importlinter`", line):
            file = ""
            for text in re.findall(r"`([^`]+)`", line):
                if re.search(r"[a-z]/|\.\w+$", text) and "NAME" not in text:
                    file = text
                    found.append((file, ""))
                elif file.endswith(".py") and re.fullmatch(r"\w+\(\)|[A-Z]\w+|_[A-Z]+", text):
                    found.append((file, text.removesuffix("()")))
    return found


def test_files_and_functions_of_the_page_exist() -> None:
    """What the page says of a way can be followed in the code."""
    names = names_of_the_page()
    assert len(names) > 80
    for file, name in names:
        path = next((top / file for top in (PACKAGE, ROOT) if (top / file).exists()), None)
        if file in ("croissant.json", "sql/FOLDER/RELATION.sql"):
            continue
        assert path is not None, f"the page names {file}, which is not there"
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        defined = rf"^ *(?:def|class) {name}\b|^{name} = "
        assert not name or re.search(defined, text, re.MULTILINE), f"{file} has no {name}"


def test_pages_name_targets_that_exist() -> None:
    """Each `make …` of CONTRIBUTING.md, README.md and this page is a target of the Makefile."""
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in (PAGE, ROOT / "CONTRIBUTING.md", ROOT / "README.md"):
        text = page.read_text(encoding="utf-8")
        named = set(re.findall(r"^ *make ([a-z][\w-]*)|`make ([a-z][\w-]*)", text, re.MULTILINE))
        assert {a or b for a, b in named} <= targets, page.name
