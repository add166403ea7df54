"""What several tests use."""

import io
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from shutil import copytree
from typing import NamedTuple

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from cxr_duck import ExperimentData, make_demo
from cxr_duck.cli import main
from tests.support.forks import Forks, forks
from tests.support.label_rows import ODDITIES, rows_of, write_labels

# How many examples a property is tried with, unless it says otherwise: `make test` takes quick,
# `.ci/run` takes full.
_EXAMPLES = {"quick": 20, "full": 100}
for _name, _number in _EXAMPLES.items():
    settings.register_profile(
        _name,
        max_examples=_number,
        deadline=None,  # the machine may be busy
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
settings.load_profile("quick")  # --hypothesis-profile names another


def of_profile(times: int) -> int:
    """Return how often this profile does what the full one does so many times, 3 at least."""
    return max(3, round(times * settings().max_examples / _EXAMPLES["full"]))


def examples(number: int) -> settings:
    """Return the settings of a property that the full profile tries with so many examples."""
    return settings(max_examples=of_profile(number))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Print the profile; pytest prints none when it is quiet."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        profile = session.config.getoption("--hypothesis-profile") or "quick"
        reporter.write_line(
            f"profile {profile}: a property is tried with {of_profile(100)} examples"
        )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this profile does not try, and begin with the long tests.

    So no worker comes to a long test when the others are done. A test that is named is tried.
    """
    if not any("::" in argument for argument in config.args):
        left_out = set(_untried(items))
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def _untried(items: Iterable[pytest.Item]) -> Iterator[pytest.Item]:
    """Yield the tests of which this profile tries only others: the full one tries all."""
    step = _EXAMPLES["full"] // settings().max_examples
    seen: Counter[str] = Counter()
    for item in items:
        test = item.nodeid.partition("[")[0]
        if step > 1 and item.get_closest_marker("full"):
            yield item
        elif item.get_closest_marker("sampled"):
            if seen[test] % step:
                yield item
            seen[test] += 1


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return what is made once in a run of the tests, for all its workers: only to be read."""
    folder = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    made = folder / "once" / name
    made.parent.mkdir(exist_ok=True)
    with FileLock(f"{made}.lock"):
        done = made.parent / f"{name}.done"
        if not done.exists():
            make(made)
            done.touch()
    return made


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
def forked() -> Iterator[Forks]:
    """Where scripts and command lines fork off, for what needs a process of its own."""
    with forks() as server:
        yield server


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo repository, labels.csv and images/, which no test may change."""
    return once(tmp_path_factory, "demo", make_demo)


@pytest.fixture(scope="session")
def demo_store(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of the demo repository, indexed with its images: to be copied, never opened."""

    def index(store: Path) -> None:
        data = ExperimentData(demo / "images", demo / "labels.csv", store=store)
        data.create_index()
        data.store.close()

    return once(tmp_path_factory, "demo-store", index)


@pytest.fixture(scope="session")
def demo_data(
    demo: Path, demo_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> ExperimentData:
    """The demo repository, indexed with its images. Tests that write take a store of their own."""
    store = copytree(demo_store, tmp_path_factory.mktemp("demo-store") / "store")
    return ExperimentData(demo / "images", demo / "labels.csv", store=store)


@pytest.fixture
def own_demo(demo: Path, demo_store: Path, tmp_path: Path) -> Iterator[ExperimentData]:
    """The demo repository in a store that a test may change."""
    store = copytree(demo_store, tmp_path / "store")
    data = ExperimentData(demo / "images", demo / "labels.csv", store=store)
    yield data
    data.store.close()
