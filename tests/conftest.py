"""What several tests use."""

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from cxr_duck import ExperimentData, make_demo
from cxr_duck.cli import main
from tests.support.label_rows import ODDITIES, rows_of, write_labels


class Ran(NamedTuple):
    """What a command printed, and its exit code."""

    out: str
    err: str
    code: int


Run = Callable[..., Ran]


@pytest.fixture
def cxr(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line in this process."""

    def run(*words: str | Path) -> Ran:
        monkeypatch.setattr(sys, "argv", ["cxr", *map(str, words)])
        monkeypatch.setattr(
            sys, "stdout", io.TextIOWrapper(io.FileIO(1, "wb", closefd=False), encoding="utf-8")
        )
        monkeypatch.setattr(
            sys, "stderr", io.TextIOWrapper(io.FileIO(2, "wb", closefd=False), encoding="utf-8")
        )
        capfdbinary.readouterr()
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        sys.stdout.flush()
        sys.stderr.flush()
        out, err = capfdbinary.readouterr()
        return Ran(out.decode("utf-8", "surrogateescape"), err.decode(), code)

    return run


@pytest.fixture(scope="session")
def odd_data(tmp_path_factory: pytest.TempPathFactory) -> ExperimentData:
    """The hand-written fixture, indexed."""
    folder = tmp_path_factory.mktemp("odd")
    labels = write_labels(folder / "labels.csv", rows_of(odd for odd, _, _ in ODDITIES))
    data = ExperimentData(labels_csv=labels, store=folder / "store")
    data.create_index()
    return data


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo repository: labels.csv and images/."""
    folder = tmp_path_factory.mktemp("demo") / "demo"
    make_demo(folder)
    return folder


@pytest.fixture(scope="session")
def demo_data(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> ExperimentData:
    """The demo repository, indexed with its images. Tests that write take a store of their own."""
    store = tmp_path_factory.mktemp("demo-store") / "store"
    data = ExperimentData(demo / "images", demo / "labels.csv", store=store)
    data.create_index()
    return data


@pytest.fixture
def own_demo(demo: Path, tmp_path: Path) -> Iterator[ExperimentData]:
    """The demo repository in a store that a test may change."""
    data = ExperimentData(demo / "images", demo / "labels.csv", store=tmp_path / "store")
    data.create_index()
    yield data
    data.store.close()
