"""The SQL files of `sql/`: finds one, reads its card, checks its parameters.

A file under `sql/` holds one relation. Its first comment lines are its card: the relation's name
and grain, the relations it reads, its parameters with a sample value, its columns.
"""

import re
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path

from cxr_duck.errors import StageError

__all__ = ["SQL_FOLDER", "Stage", "all_stages", "stage"]

_PACKAGE = Path(__file__).parent.parent
SQL_FOLDER = next(p for p in (_PACKAGE / "sql", _PACKAGE.parent / "sql") if p.is_dir())

_COLUMN = re.compile(r"^--   (\w+)  +(\S.*)$")
_CONTINUED = re.compile(r"^--     +(\S.*)$")
_PARAMETER = re.compile(r"\$(\w+)")


@dataclass(frozen=True)
class Stage:
    """One SQL file: its relation, what it reads, its parameters, and its text without comments."""

    name: str
    path: Path
    grain: str
    reads: tuple[str, ...]
    params: dict[str, str]
    columns: dict[str, str] = field(repr=False)
    sql: str = field(repr=False)

    @property
    def digest(self) -> str:
        """SHA-256 of the file, which stands in the metadata of every Parquet file it made."""
        return sha256(self.path.read_bytes()).hexdigest()

    def bind(self, params: dict[str, object]) -> dict[str, object]:
        """Return the parameters if they are those of the card, else raise StageError."""
        if params.keys() != self.params.keys():
            wanted = ", ".join(sorted(self.params)) or "none"
            given = ", ".join(sorted(params)) or "none"
            raise StageError(f"{self.path.name} takes the parameters {wanted}; given: {given}")
        return params


@cache
def stage(name: str) -> Stage:
    """Return the stage of this name, wherever below `sql/` its file stands."""
    paths = sorted(SQL_FOLDER.glob(f"*/{name}.sql"))
    if len(paths) != 1:
        raise StageError(f"sql/ has {len(paths)} files named {name}.sql; there must be one")
    return _read(paths[0])


def all_stages(folder: str = "*") -> list[Stage]:
    """Return every stage of a folder of `sql/`, or of all of them."""
    return [_read(path) for path in sorted(SQL_FOLDER.glob(f"{folder}/*.sql"))]


def _read(path: Path) -> Stage:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    head = re.match(r"^-- (\w+): (.+)$", lines[0] if lines else "")
    if head is None:
        raise StageError(f"{path.name} doesn't begin with a line '-- name: one row per …'")
    card = _card(lines)
    body = "\n".join(line for line in lines if not line.lstrip().startswith("--"))
    samples = re.findall(r"\$(\w+) = ('[^']*'|[^,]+)", card.get("params", ""))
    return Stage(
        name=head[1],
        path=path,
        grain=head[2],
        reads=tuple(re.findall(r"[\w.]+", card.get("reads", ""))),
        params=dict(samples),
        columns=_columns(lines),
        sql=body.strip().rstrip(";"),
    )


def _card(lines: list[str]) -> dict[str, str]:
    card: dict[str, str] = {}
    for line in lines:
        if match := re.match(r"^-- (reads|params): (.+)$", line):
            card[match[1]] = f"{card[match[1]]} {match[2]}" if match[1] in card else match[2]
    return card


def _columns(lines: list[str]) -> dict[str, str]:
    if "-- columns:" not in lines:
        return {}
    columns: dict[str, str] = {}
    for line in lines[lines.index("-- columns:") + 1 :]:
        if column := _COLUMN.match(line):
            columns[column[1]] = column[2]
        elif (more := _CONTINUED.match(line)) and columns:
            columns[list(columns)[-1]] += " " + more[1]
        else:
            break
    return columns


def used_parameters(sql: str) -> set[str]:
    """Return the names of the `$parameters` that a text uses."""
    return set(_PARAMETER.findall(sql))
