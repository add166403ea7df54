"""Draws the generated parts of docs/architecture.md: the list of rooms, and the pictures.

    python -m docs.draw_architecture

The rooms and their order are those of `.importlinter`, their sentences those of their docstrings,
the arrows between them the imports that grimp finds. The relations and the arrows between them are
those of the cards in `sql/`.
"""

import ast
import configparser
import re
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

from cxr_duck.engines.stages import Stage, all_stages
from cxr_duck.store.catalog import PUBLISHED

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
PACKAGE = ROOT / "cxr_duck"

# What Python makes of other relations, which no card tells. `known_patients` is none of these: it
# reads the record of an earlier dataset.
HANDED_ON = {
    "allocation": ("signature_counts",),
    "chosen_images": ("images",),
    "class_images": ("images", "postings"),
    "current_files": ("placed_images",),
    "experiments": ("dataset_members",),
    "twin_patients": ("patients_with_twins",),
    "quotas": ("kind_counts",),
    "recorded_members": ("experiments",),
}

Graph = dict[str, set[str]]


def layers(contract: str = "rooms") -> list[list[str]]:
    """Return the layers of a contract of `.importlinter`, from the ground up."""
    config = configparser.ConfigParser()
    config.read(ROOT / ".importlinter", encoding="utf-8")
    lines = config[f"importlinter:contract:{contract}"]["layers"].strip().splitlines()
    return [re.split(r" *[|:] *", line.strip()) for line in reversed(lines)]


def rooms() -> list[str]:
    """Return the rooms from the ground up."""
    return [room for layer in layers() for room in layer]


def sentence(module: Path) -> str:
    """Return the first line of a module's or package's docstring."""
    file = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
    return (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").split("\n")[0]


def room_list() -> str:
    """Return the rooms from the ground up, each with its sentence, and the packages inside."""
    lines = []
    for room in rooms():
        folder = PACKAGE / room
        lines.append(f"- `{room}{'/' if folder.is_dir() else '.py'}`: {sentence(folder)}")
        inner = sorted(file.parent for file in folder.glob("*/__init__.py"))
        lines += [f"  - `{room}/{path.name}/`: {sentence(path)}" for path in inner]
    return "\n".join(lines)


def room_picture() -> str:
    """Return the rooms as a picture, the arrows between them with their number of imports."""
    import grimp

    graph = grimp.build_graph("cxr_duck", cache_dir=None)
    count: Counter[tuple[str, str]] = Counter()
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            count[_room(module), _room(imported)] += 1
    drawn = [room for layer in reversed(layers()[1:]) for room in layer]  # not what all import
    arrows = {a: {b for b in drawn if count[a, b] and a != b} for a in drawn}
    lines = ["flowchart TD"]
    for room, below in reduced(arrows).items():
        lines += [f"    {room} -- {count[room, other]} --> {other}" for other in sorted(below)]
    return _mermaid(lines)


def _room(module: str) -> str:
    return ".".join(module.split(".")[1:2])


def reduced(arrows: Mapping[str, Collection[str]]) -> Graph:
    """Return arrows without those that others lead to as well, in two steps or more."""

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        waiting = list(arrows[start])
        while waiting:
            if (name := waiting.pop()) not in found:
                found.add(name)
                waiting += arrows[name]
        return found

    below = {name: reached(name) for name in arrows}
    return {
        name: {other for other in ends if not any(other in below[step] for step in ends)}
        for name, ends in arrows.items()
    }


def stages_of_the_way() -> dict[str, Stage]:
    """Return the stages of the numbered folders of `sql/`, by the relations that they make."""
    return {part.name: part for part in all_stages("[0-9]_*")}


def relation_arrows() -> Graph:
    """Return for each relation of the numbered folders those that are made of it."""
    stages = stages_of_the_way()
    arrows: Graph = {name: set() for name in stages}
    for name, part in stages.items():
        origins = {
            origin for read in (name, *part.reads) for origin in HANDED_ON.get(read, (read,))
        }
        for origin in origins & arrows.keys() - {name}:
            arrows[origin].add(name)
    return arrows


def store_picture() -> str:
    """Return the way through the numbered folders: what is published, or leads to another folder.

    An arrow leads from a relation to one that is made of it, be it over others that aren't drawn.
    """
    stages, arrows = stages_of_the_way(), relation_arrows()
    folders = {name: part.path.parent for name, part in stages.items()}
    leading = {
        name for name, ends in arrows.items() if {folders[to] for to in ends} - {folders[name]}
    }
    drawn = leading | {name for name in arrows if _published(name)}
    return _relations("LR", _contracted(arrows, drawn))


def dataset_picture() -> str:
    """Return the relations that a dataset's digest is made of, from `images` and `postings` on."""
    stages, arrows = stages_of_the_way(), relation_arrows()
    backwards: Graph = {name: {a for a, ends in arrows.items() if name in ends} for name in arrows}
    drawn, waiting = set(), ["digest"]
    while waiting:
        name = waiting.pop()
        drawn.add(name)
        if stages[name].path.parent.name == "5_datasets":
            waiting += backwards[name] - drawn
    return _relations("TD", _contracted(arrows, drawn))


def _contracted(arrows: Graph, drawn: set[str]) -> Graph:
    """Return the arrows between the relations that are drawn, over those that aren't."""

    def ends(name: str) -> set[str]:
        return {end for to in arrows[name] for end in ({to} if to in drawn else ends(to))}

    return reduced({name: ends(name) for name in arrows if name in drawn})


def _relations(direction: str, arrows: Graph) -> str:
    stages = stages_of_the_way()
    folders = sorted({stages[name].path.parent.name for name in arrows})
    lines = [f"flowchart {direction}"]
    for folder in folders:
        lines.append(f'    subgraph {_id(folder)}["sql/{folder}"]')
        inside = sorted(name for name in arrows if stages[name].path.parent.name == folder)
        lines += [f"        {_box(name)}" for name in inside]
        lines.append("    end")
    for name in sorted(arrows):
        lines += [f"    {_id(name)} --> {_id(to)}" for to in sorted(arrows[name])]
    return _mermaid(lines)


def _published(name: str) -> bool:
    return name in (*PUBLISHED, "experiments")


def _id(name: str) -> str:
    return "r_" + name.replace(".", "_")  # some names are words of Mermaid's


def _box(name: str) -> str:
    return f"{_id(name)}[({name})]" if _published(name) else f"{_id(name)}[{name}]"


def _mermaid(lines: list[str]) -> str:
    return "\n".join(["```mermaid", *lines, "```"])


PARTS = {
    "rooms": room_list,
    "imports": room_picture,
    "store": store_picture,
    "dataset": dataset_picture,
}


def drawn_anew(page: str) -> str:
    """Return the page with its generated parts drawn anew, between their marks."""
    for name, draw in PARTS.items():
        begin, end = f"<!-- drawn: {name} -->\n", "\n<!-- end -->"
        if page.count(begin) != 1:
            raise ValueError(f"{PAGE.name} needs one line {begin.strip()}, and {end.strip()} below")
        before, after = page.split(begin)
        page = before + begin + draw() + end + after.partition(end)[2]
    return page


if __name__ == "__main__":
    PAGE.write_text(drawn_anew(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
