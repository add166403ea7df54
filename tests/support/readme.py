"""The README's transcripts: `python -m tests.support.readme` writes what the commands really print.

Those of blocks that are marked `console spark` are written where pyspark is installed.
"""

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
_BLOCK = re.compile(r"^```(console(?: spark)?|python|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: a transcript of commands, a script and what it prints, or a file.

    A file's first line is a comment with its name.
    """

    kind: str
    text: str

    def run(self, folder: Path, commands: Path | None = None) -> str:
        """Return the block as it reads when it is run in a folder.

        The commands are those of this environment, unless a folder has others of the same names.
        """
        if self.kind == "toml":
            name = self.text.splitlines()[0].removeprefix("# ")
            (folder / name).write_text(self.text, encoding="utf-8")
            return self.text
        if self.kind == "python":
            code = "".join(line for line in self.text.splitlines(True) if line[:4] != "# > ")
            printed = _run([sys.executable, "-c", code], folder, commands)
            return code + "".join(f"# > {line}" for line in printed.splitlines(True))
        lines = []
        for command in _commands(self.text):
            lines.append(f"$ {command}\n")
            lines.append(_run(["bash", "-c", command.replace("\\\n", " ")], folder, commands))
        return "".join(lines)


def blocks(*, spark: bool) -> list[Block]:
    """Return the README's blocks that can be run, in their order, with those that need Spark."""
    found = _BLOCK.findall(README.read_text(encoding="utf-8"))
    return [Block(kind, text) for kind, text in found if spark or not kind.endswith("spark")]


def _commands(text: str) -> list[str]:
    """Return the commands of a transcript; one may go on after a backslash."""
    return re.findall(r"^\$ ((?:[^\n]*\\\n)*[^\n]*)$", text, re.MULTILINE)


def _run(command: list[str], folder: Path, commands: Path | None) -> str:
    places = [*([commands] if commands else []), Path(sys.executable).parent, os.environ["PATH"]]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CXR_")},
        "PYTHONUNBUFFERED": "1",  # so that notes stand between the rows, as on a terminal
        "PATH": os.pathsep.join(map(str, places)),
    }
    ran = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return "".join(f"{line.rstrip()}\n" for line in ran.stdout.splitlines())


def main() -> None:
    """Run every block in one new folder and write what it prints into the README."""
    text = README.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        for block in blocks(spark=find_spec("pyspark") is not None):
            text = text.replace(
                f"```{block.kind}\n{block.text}```",
                f"```{block.kind}\n{block.run(Path(folder))}```",
            )
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
