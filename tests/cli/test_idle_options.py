"""Options that would have no effect: each is refused, with what it is for."""

from pathlib import Path

import pytest

from cxr_duck import ExperimentData
from tests.conftest import Run

IDLE = [
    ("find nodule --count --limit 3", "--limit", "--count counts all images"),
    ("find nodule --count --format ids", "--format", "--count prints a number"),
    ("find nodule --explain --format json", "--format", "--explain prints SQL"),
    ("find nodule --explain --count --format csv", "--format", "--explain prints SQL"),
    ("pairs nodule --hierarchy paper", "--hierarchy", "it is for --under"),
    ("pairs nodule --hierarchy nowhere.csv", "--hierarchy", "it is for --under"),
    ("show some --toml --json", "--json", "--toml prints the recipe file alone"),
    ("diff some some --json --format csv", "--format", "--json is --format json"),
    ("audit some --check missing_file --json --format csv", "--format", "--json prints all"),
    ("audit some --check missing_file --json --limit 2", "--limit", "--json prints all"),
    ("export some FOLDER --quality 90", "--quality", "only a JPEG has a quality"),
    ("export some FOLDER --quality 90 --format png", "--quality", "only a JPEG has a quality"),
    ("export some FOLDER --shard-size 1GB", "--shard-size", "only webdataset and huggingface"),
]


@pytest.mark.parametrize(("line", "option", "why"), IDLE, ids=[line for line, _, _ in IDLE])
def test_refused(
    demo_data: ExperimentData, tmp_path: Path, cxr: Run, line: str, option: str, why: str
) -> None:
    """An option that would change nothing is a mistake of usage; nothing is printed or written."""
    words = [str(tmp_path / "new") if word == "FOLDER" else word for word in line.split()]
    ran = cxr(*words, "--store", demo_data.store.path)
    assert (ran.code, ran.out) == (2, "")
    told = " ".join(ran.err.split())
    assert f"{option} has no effect here: " in told
    assert why in told
    assert not (tmp_path / "new").exists()


USED = [
    "find nodule --explain --format ids --limit 2",
    "find nodule --count --format table",
    "pairs nodular --under --hierarchy paper --limit 1",
    "pairs nodule --limit 1",
]


@pytest.mark.parametrize("line", USED)
def test_taken(demo_data: ExperimentData, cxr: Run, line: str) -> None:
    """Options that have an effect beside each other are taken."""
    ran = cxr(*line.split(), "--store", demo_data.store.path)
    assert ran.code == 0, ran.err
