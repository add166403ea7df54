"""The package's own rules: its public names, its layers, its imports."""

import ast
import itertools
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import cxr_duck
from cxr_duck import errors

ROOT = Path(__file__).parents[2]


def test_public_names() -> None:
    """The names that users import, which stay."""
    assert cxr_duck.__all__ == [
        "CXRImage", "CxrError", "Dataset", "ExperimentData", "InvertedIndex", "Postings",
        "Recipe", "__version__", "make_demo",
    ]  # fmt: skip
    assert all(getattr(cxr_duck, name) for name in cxr_duck.__all__)


def test_top_level() -> None:
    """What lies at the top of the repository."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    tops = {name.split("/")[0] for name in listed}
    assert tops in (
        set(),  # no checkout
        {
            ".ci", ".gitignore", ".importlinter", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE",
            "Makefile", "README.md", "benchmarks", "constraints.txt", "cxr_duck", "docs",
            "pyproject.toml", "sql", "tests",
        },
    )  # fmt: skip


def test_error_tree_is_the_one_drawn() -> None:
    """Every error of the tree in the docstring exists and is a CxrError, and no other."""
    drawn = {
        line.strip("├└─ ").split()[0]
        for line in (errors.__doc__ or "").splitlines()
        if "Error " in line
    }
    assert drawn == set(errors.__all__)
    assert all(issubclass(getattr(errors, name), errors.CxrError) for name in errors.__all__)


def test_nobody_imports_the_command_line() -> None:
    """Arrows go down: no module outside cli/ imports it."""
    for path in (ROOT / "cxr_duck").rglob("*.py"):
        if "cli" in path.parts or path.name == "__main__.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.startswith("cxr_duck.cli")], path


# What commands may import beside the facade: what they print, the options of a recipe, the demo;
# and that a command is one question.
FOR_COMMANDS = {
    "cxr_duck.audit.covariates", "cxr_duck.datasets.dataset", "cxr_duck.datasets.filters",
    "cxr_duck.datasets.recipes.request", "cxr_duck.datasets.recipes.words", "cxr_duck.errors",
    "cxr_duck.experiment_data", "cxr_duck.index.pairs", "cxr_duck.progress",
    "cxr_duck.sources.demo", "cxr_duck.spelling", "cxr_duck.store.format",
    "cxr_duck.store.one_state", "cxr_duck.version",
}  # fmt: skip


def test_commands_go_through_the_facade() -> None:
    """A command calls ExperimentData and prints: it opens no store and reaches into no room."""
    for path in (ROOT / "cxr_duck" / "cli").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        typing = [part for part in tree.body if _is_for_types(part)]
        for_types = {id(node) for part in typing for node in ast.walk(part)}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and id(node) not in for_types:
                name = node.module or ""
                own = name.startswith("cxr_duck") and not name.startswith("cxr_duck.cli")
                assert not own or name in FOR_COMMANDS, f"{path.name} imports {name}"


def _is_for_types(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def test_a_look_up_imports_little(odd_data: cxr_duck.ExperimentData) -> None:
    """`cxr find … --count` loads neither Arrow, polars, numpy, rich nor Pillow.

    Of its own accord DuckDB 1.4 loads pandas, and all that with it, where it is installed.
    """
    script = (
        "import sys; sys.modules['pandas'] = None; from cxr_duck.cli import main\n"
        "sys.argv = ['cxr', 'find', 'nodule', '--count', '--store', "
        f"{str(odd_data.store.path)!r}]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([m for m in ('pyarrow', 'polars', 'numpy', 'rich', 'PIL') if m in sys.modules])\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["2", "[]"]


def test_tests_that_need_spark_are_marked() -> None:
    """Else they are skipped without pyspark, and left out where the marked ones are run."""
    needing = 0
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        skips = re.findall(
            r'^( *)(?:pyspark = )?pytest\.importorskip\("pyspark"', text, re.MULTILINE
        )
        needing += len(skips)
        marked = len(
            re.findall(r"^(?:@|pytestmark = |    )pytest\.mark\.spark\b", text, re.MULTILINE)
        )
        assert marked == len(skips), path
    assert needing


def test_constraints_name_what_is_installed() -> None:
    """What pyproject.toml asks for has its release in constraints.txt, but for PyTorch."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = [
        *project["dependencies"],
        *itertools.chain(*project["optional-dependencies"].values()),
    ]
    wanted = {re.split(r"[\[<>=; ]", line)[0].lower() for line in listed}
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in lines}
    assert wanted - pinned == {"cxr-duck", "torch"}


def test_modules_are_of_a_size_to_read() -> None:
    """No module grows far beyond 300 lines, the docstrings of its functions apart."""
    for path in (ROOT / "cxr_duck").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        told = sum(len(words.splitlines()) for words in re.findall(r'\n +"""[^"]+"""', text))
        assert len(text.splitlines()) - told <= 330, path
