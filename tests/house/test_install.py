"""The wheel, built and installed into a clean environment, where the commands run."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.install, pytest.mark.long]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_what_is_in_the_wheel(wheel: Path) -> None:
    """Every SQL file and hierarchy ships inside the package, and no test or label file."""
    names = set(zipfile.ZipFile(wheel).namelist())
    sql = {f"cxr_duck/{p.relative_to(ROOT).as_posix()}" for p in (ROOT / "sql").rglob("*.sql")}
    assert sql <= names
    assert {
        "cxr_duck/terms/hierarchies/padchest.csv",
        "cxr_duck/terms/hierarchies/paper.csv",
    } <= names
    assert "cxr_duck/query/language.lark" in names
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"cxr_duck"}


def test_installed_commands_run(wheel: Path, tmp_path: Path) -> None:
    """`cxr demo` and `cxr index` run where only the wheel and what it needs are installed."""
    environment = tmp_path / "env"
    venv.create(environment)
    pip = [sys.executable, "-m", "pip", "--python", environment / "bin" / "python", "install"]
    subprocess.run(
        [*pip, "--quiet", "--no-compile", "--constraint", ROOT / "constraints.txt", wheel],
        check=True,
        capture_output=True,
    )
    commands = [
        ["demo", "made-up", "--images", "60"],
        ["index", "made-up/labels.csv", "--images", "made-up/images"],
        ["find", "normal", "--count"],
        ["find", "normal AND frontal", "--count"],
        ["check-store"],
    ]
    for command in commands:
        ran = subprocess.run(
            [environment / "bin" / "cxr", *command],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "cxr-store" / "cxr.duckdb").is_file()
