"""The test of a repository's files: what is found is kept, and what is damaged leaves datasets."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import xxhash
from PIL import Image

from cxr_duck import ExperimentData
from cxr_duck.engines import spread
from cxr_duck.engines.spread import ImageFile, each
from cxr_duck.errors import ImagesError, StoreError
from cxr_duck.images.files.folder import ImageFolder
from cxr_duck.images.surveys import check as integrity
from cxr_duck.images.surveys.runs import only_run
from cxr_duck.images.surveys.survey import CHECKS
from cxr_duck.index.removal import remove_images
from cxr_duck.progress import SILENT
from cxr_duck.store.invariants import check_invariants
from tests.conftest import Run
from tests.support.label_rows import USUAL, write_labels

COUNT = 24


def write_film(path: Path, seed: int) -> None:
    """Write a small film of 16 bits."""
    pixels = numpy.random.default_rng(seed).integers(0, 65536, (24, 20), dtype=numpy.uint16)
    Image.fromarray(pixels).save(path)


def name(number: int) -> str:
    """Return the id of an image of the fixture."""
    return f"{number:02d}.png"


@pytest.fixture
def data(tmp_path: Path) -> Iterator[ExperimentData]:
    """COUNT films of as many patients, half of them with a nodule, and an image without a file."""
    (tmp_path / "images").mkdir()
    said = []
    for number in range(COUNT + 1):
        labels = "['nodule']" if number % 2 else "['normal']"
        said.append(
            {"ImageID": name(number), "PatientID": f"p{number}", "StudyID": "s", "Labels": labels}
        )
        if number < COUNT:
            write_film(tmp_path / "images" / name(number), number)
    labels_file = write_labels(tmp_path / "labels.csv", [{**USUAL, **row} for row in said])
    data = ExperimentData(tmp_path / "images", labels_file, store=tmp_path / "store")
    data.create_index()
    yield data
    data.store.close()


def cut(data: ExperimentData, *numbers: int) -> None:
    """Cut the last bytes off some films."""
    assert data.images_dir is not None
    for number in numbers:
        path = data.images_dir / name(number)
        path.write_bytes(path.read_bytes()[:-200])


def verdicts(data: ExperimentData) -> dict[str, str]:
    """Return the verdict of each image, and the reason where there is one."""
    rows = data.sql("SELECT image_id, verdict, reason FROM checks").to_pylist()
    return {row["image_id"]: f"{row['verdict']} {row['reason'] or ''}".strip() for row in rows}


def test_every_image_has_a_verdict(data: ExperimentData) -> None:
    """Each image that was looked for is in checks once, with what its file is like."""
    cut(data, 3)
    found = data.check_integrity()
    assert (found.tested, found.counts) == (
        COUNT,
        {"ok": 23, "suspect": 0, "damaged": 2, "untested": 0},
    )
    assert verdicts(data) == {
        **{name(number): "ok" for number in range(COUNT)},
        name(3): "damaged truncated",
        name(COUNT): "damaged missing",
    }
    assert [row["image_id"] for row in found.problems.to_pylist()] == [name(COUNT), name(3)]
    row = data.sql("SELECT * FROM checks WHERE image_id = '05.png'").to_pylist()[0]
    assert data.images_dir is not None
    file = data.images_dir / "05.png"
    assert row == {
        "image_id": "05.png", "path": "05.png", "bytes": file.stat().st_size,
        "modified": file.stat().st_mtime_ns, "verdict": "ok", "reason": None, "detail": None,
        "offset": None, "format": "png", "width": 20, "height": 24, "bits": 16, "color": "gray",
        "digest": xxhash.xxh3_128_hexdigest(file.read_bytes()), "whole": True,
    }  # fmt: skip
    checks = check_invariants(data.store)
    assert [check for check in checks if check.untested or (check.rows and not check.note)] == []


@pytest.mark.full
def test_only_changed_files_are_tested_again(data: ExperimentData) -> None:
    """A second run tests what changed, comes or goes; a full one tests all."""
    assert data.check_integrity().tested == COUNT
    state = data.sql("SELECT max(publication) AS last FROM publications").to_pylist()
    assert data.check_integrity().tested == 0
    assert data.sql("SELECT max(publication) AS last FROM publications").to_pylist() == state
    cut(data, 4)
    assert data.images_dir is not None
    (data.images_dir / name(7)).unlink()
    found = data.check_integrity()
    assert (found.tested, found.counts["damaged"]) == (1, 3)
    assert verdicts(data)[name(7)] == "damaged missing"
    write_film(data.images_dir / name(4), 4)
    write_film(data.images_dir / name(7), 7)
    found = data.check_integrity()
    assert (found.tested, found.counts["damaged"]) == (2, 1)
    assert data.check_integrity(full=True).tested == COUNT


@pytest.mark.full
def test_a_touched_file_of_the_same_size_is_tested_again(data: ExperimentData) -> None:
    """The time of its change counts as well as its size."""
    data.check_integrity()
    assert data.images_dir is not None
    path = data.images_dir / name(2)
    raw = bytearray(path.read_bytes())
    raw[100] ^= 255
    path.write_bytes(raw)
    os.utime(path, ns=(1, 1))
    found = data.check_integrity()
    assert (found.tested, found.counts["damaged"]) == (1, 2)


@pytest.mark.full
def test_quick_then_whole(data: ExperimentData) -> None:
    """A quick test is told from a whole one, which it doesn't replace and doesn't save."""
    assert data.check_integrity(quick=True).tested == COUNT
    assert data.sql("SELECT DISTINCT whole FROM checks").to_pylist() == [{"whole": False}]
    assert data.check_integrity(quick=True).tested == 0
    assert data.check_integrity().tested == COUNT
    assert data.check_integrity(quick=True).tested == 0
    assert data.sql("SELECT DISTINCT whole FROM checks").to_pylist() == [{"whole": True}]


@pytest.mark.full
def test_damaged_images_leave_later_datasets(data: ExperimentData, cxr: Run) -> None:
    """A dataset made before keeps its record and says so; one made after has sound files alone."""
    before = data.create_dataset(["nodule", "normal"], name="before")
    cut(data, 3, 4, 6)
    data.check_integrity()
    after = data.create_dataset(["nodule", "normal"], name="after")
    ids = set(after.members.column("image_id").to_pylist())
    assert not ids & {name(3), name(4), name(6)}
    assert after.removals["normal", "damaged"] == 2
    assert after.removals["nodule", "damaged"] == 1
    known = set(before.members.column("image_id").to_pylist())
    count = len(known & {name(3), name(4), name(6)})
    assert count
    assert data.dataset("before").damaged == count
    assert data.dataset("after").damaged == 0
    assert (
        f"the files of {count} of its images are damaged"
        in cxr("show", "before", "--store", data.store.path).err
    )
    made = data.reproduce("before")
    assert made.sound
    assert made.made is None
    assert made.changes == ["image files were tested"]
    assert data.reproduce("after").same


@pytest.mark.full
def test_exports_say_that_nobody_looked(data: ExperimentData, cxr: Run, tmp_path: Path) -> None:
    """Whoever hands out files that were not tested is told of it, and no longer once they were."""
    data.create_dataset(["nodule", "normal"], name="pair")
    ran = cxr("export", "pair", tmp_path / "a", "--store", data.store.path)
    assert ran.err == "nobody has tested these files yet: 'cxr check' does\n"
    data.check_integrity(quick=True)
    assert cxr("export", "pair", tmp_path / "b", "--store", data.store.path).err == ""


@pytest.mark.full
def test_why_tells_of_damage(data: ExperimentData, cxr: Run) -> None:
    """cxr why names the damage, and the filter that it fell under."""
    cut(data, 3)
    data.check_integrity()
    data.create_dataset(["nodule", "normal"], name="after")
    facts = data.why(name(3), "after")
    assert facts.verdict is not None
    assert (facts.verdict.reason, facts.verdict.member) == ("damaged", False)
    assert facts.verdict.told.startswith("its file is damaged: truncated")
    assert "(damaged: truncated" in cxr("why", name(3), "--store", data.store.path).out
    assert "(ok)" in cxr("why", name(5), "--store", data.store.path).out


@pytest.mark.full
def test_a_removed_image_is_in_no_check(data: ExperimentData) -> None:
    """What is removed from the store leaves the verdicts too."""
    data.check_integrity()
    remove_images(data.store, f"image_id = '{name(3)}'", SILENT)
    assert name(3) not in verdicts(data)
    assert data.check_integrity().tested == 0
    assert len(verdicts(data)) == COUNT


@pytest.mark.full
def test_verdicts_hold_for_their_file_alone(data: ExperimentData, tmp_path: Path) -> None:
    """An image that has another file since is not damaged by what was found in the old one."""
    cut(data, 3)
    data.check_integrity()
    assert data.images_dir is not None
    (data.images_dir / "sub").mkdir()
    (data.images_dir / name(3)).unlink()
    write_film(data.images_dir / "sub" / name(3), 3)
    data.create_index()
    assert data.sql("SELECT image_id FROM damaged_images").to_pylist() == []
    assert data.check_integrity().tested == 1
    assert verdicts(data)[name(3)] == "ok"


_KILLED = """
import sys, time
from pathlib import Path
import cxr_duck.images.surveys.check as integrity, cxr_duck.images.surveys.runs as runs
from cxr_duck import ExperimentData
runs._PART_SECONDS = 0
judge = integrity.examine_file
def slow(folder, file, quick):
    if file.image_id >= '10':
        while len(list(Path(sys.argv[1], '.runs', 'check').glob('*.parquet'))) < 10:
            time.sleep(0.01)
        print('half', flush=True)
        time.sleep(60)
    return judge(folder, file, quick)
integrity.examine_file = slow
ExperimentData(store=sys.argv[1]).check_integrity()
"""


def test_a_killed_run_goes_on(data: ExperimentData) -> None:
    """What was tested before a kill is not tested again, and the end is the same."""
    environment = {**os.environ, "CXR_THREADS": "1"}
    command = [sys.executable, "-c", _KILLED, str(data.store.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        process.send_signal(signal.SIGKILL)
    assert verdicts(data) == {}
    found = data.check_integrity()
    assert found.tested == COUNT - 10
    assert found.counts == {"ok": COUNT, "suspect": 0, "damaged": 1, "untested": 0}
    assert len(verdicts(data)) == COUNT + 1
    assert list((data.store.path / ".runs").rglob("*.parquet")) == []


def test_a_file_that_changed_after_a_kill_is_tested_again(
    data: ExperimentData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parts of a run that was ended count for the files that are as they were."""

    def failing(folder: ImageFolder, file: ImageFile, quick: bool) -> dict[str, Any]:
        if file.image_id == name(20):
            raise KeyboardInterrupt
        return kept(folder, file, quick)

    kept = integrity.examine_file
    monkeypatch.setenv("CXR_THREADS", "1")
    monkeypatch.setattr(integrity, "examine_file", failing)
    with pytest.raises(KeyboardInterrupt):
        data.check_integrity()
    monkeypatch.setattr(integrity, "examine_file", kept)
    cut(data, 3)
    assert data.check_integrity().tested == COUNT - 20 + 1
    assert verdicts(data)[name(3)] == "damaged truncated"


def test_one_run_at_a_time(data: ExperimentData) -> None:
    """A second check of a store that is being checked is told so."""
    with (
        only_run(data.store, "check", CHECKS.schema, SILENT),
        pytest.raises(StoreError, match="another cxr check works on"),
    ):
        data.check_integrity()


def test_without_images_there_is_nothing_to_test(tmp_path: Path, data: ExperimentData) -> None:
    """A store that knows of no folder, or a folder that is gone, is one clear sentence."""
    assert data.labels_csv is not None
    labels_only = ExperimentData(labels_csv=data.labels_csv, store=tmp_path / "other")
    labels_only.create_index()
    with pytest.raises(ImagesError, match="index the label file with --images"):
        labels_only.check_integrity()
    given = ExperimentData(data.images_dir, store=tmp_path / "other")
    with pytest.raises(ImagesError, match="nobody looked for the files"):
        given.check_integrity()
    moved = ExperimentData(tmp_path / "nowhere", store=data.store.path)
    with pytest.raises(ImagesError, match="nowhere is no folder"):
        moved.check_integrity()


@pytest.mark.full
def test_a_folder_that_went_and_came_back(data: ExperimentData) -> None:
    """A folder without any of the files is refused; files that could not be read are read again."""
    data.check_integrity()
    images = data.images_dir
    assert images is not None
    images.rename(images.with_name("gone"))
    images.mkdir()
    with pytest.raises(ImagesError, match=r"none of the 24 image files is below"):
        data.check_integrity(full=True)
    assert verdicts(data)[name(1)] == "ok"
    images.rmdir()
    images.with_name("gone").rename(images)

    def failing(folder: ImageFolder, file: ImageFile, quick: bool) -> dict[str, Any]:
        return kept(folder, ImageFile(file.image_id, "nowhere/" + name(1), 1, 1), quick)

    kept = integrity.examine_file
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(integrity, "examine_file", failing)
        assert data.check_integrity(full=True).counts["damaged"] == COUNT + 1
    found = data.check_integrity()
    assert (found.tested, found.counts["ok"]) == (COUNT, COUNT)


@pytest.mark.full
def test_a_folder_that_was_moved_is_the_folder_from_then_on(
    data: ExperimentData, tmp_path: Path
) -> None:
    """Files that were moved are not tested again, and later commands find them."""
    data.check_integrity()
    (tmp_path / "images").rename(tmp_path / "moved")
    assert ExperimentData(tmp_path / "moved", store=data.store.path).check_integrity().tested == 0
    later = ExperimentData(store=data.store.path)
    assert later.check_integrity().tested == 0
    assert later.image(name(1)).pixels().shape == (24, 20)


def test_a_full_run_takes_nothing_from_one_that_was_not(data: ExperimentData) -> None:
    """Parts of a run that was killed don't count for a full one, nor parts that are cut off."""
    with only_run(data.store, "check", CHECKS.schema, SILENT) as run:
        files = [ImageFile(name(1), name(1), 1, 1)]
        run.do("testing", files, lambda file: {"verdict": "ok", "whole": True})
        assert run.results().num_rows == 1
        (data.store.path / ".runs" / "check" / "00000002.parquet").write_bytes(b"PAR1")
        assert run.results().num_rows == 1
    with only_run(data.store, "check", CHECKS.schema, SILENT, full=True) as run:
        assert run.results().num_rows == 0
    remove_images(data.store, f"image_id = '{name(1)}'", SILENT)
    assert list((data.store.path / ".runs" / "check").iterdir()) == []
    with pytest.raises(ImagesError, match="quickly or in full"):
        data.check_integrity(quick=True, full=True)


@pytest.mark.full
def test_what_is_listed_anew_is_not_known(data: ExperimentData) -> None:
    """What was found in a file says nothing of another one of its name, once that was listed."""
    cut(data, 3)
    data.check_integrity()
    assert data.images_dir is not None
    write_film(data.images_dir / name(3), 99)
    data.create_index()
    assert data.sql("SELECT image_id FROM damaged_images").to_pylist() == []
    assert name(3) not in verdicts(data)
    assert len(verdicts(data)) == COUNT
    assert data.check_integrity().tested == 1


@pytest.mark.full
def test_pipes_and_devices_are_no_files(data: ExperimentData) -> None:
    """Nobody waits for what a pipe holds, whether it was there when files were listed or not."""
    assert data.images_dir is not None
    (data.images_dir / name(1)).unlink()
    os.mkfifo(data.images_dir / name(1))
    assert data.check_integrity().problems.to_pylist()[-1]["detail"] == "it is no file"
    os.mkfifo(data.images_dir / "7.zip")
    data.create_index()
    refused = data.sql("SELECT path, reason FROM refused_files ORDER BY path").to_pylist()
    assert [(row["path"], row["reason"]) for row in refused] == [
        (name(1), "it is no file"), ("7.zip", "it is no file"),
    ]  # fmt: skip


def test_command(data: ExperimentData, cxr: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command lists what is wrong, counts on stderr, and takes an interruption well."""
    cut(data, 3)
    ran = cxr("check", "--format", "csv", "--store", data.store.path)
    assert ran.code == 0
    assert ran.out.splitlines()[0] == "image_id,path,verdict,reason,offset,detail"
    assert ran.out.splitlines()[2].startswith("03.png,03.png,damaged,truncated,")
    assert ran.err == "25 images: 23 ok, 0 suspect, 2 damaged; 24 files tested now\n"
    ran = cxr("check", "--quick", "--store", data.store.path)
    assert "0 files tested now\ntested quickly" in ran.err

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(integrity, "examine_file", interrupted)
    ran = cxr("check", "--full", "--store", data.store.path)
    assert ran.code == 130
    assert ran.err == "Interrupted: what was tested is kept, and the same command goes on\n"


def test_work_is_spread_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many items are worked on at a time as there are workers; few wait; their order stays."""
    monkeypatch.setenv("CXR_THREADS", "3")
    together = threading.Barrier(3)
    begun = 0

    def work(item: int) -> int:
        if item < 3:
            together.wait(10)
        return item * item

    def items() -> Iterator[int]:
        nonlocal begun
        for item in range(1000):
            begun += 1
            yield item

    results = each(items(), work)
    assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
    assert begun <= 5 + 3 * spread._QUEUED_PER_WORKER
    assert list(results) == [item * item for item in range(5, 1000)]
    monkeypatch.setenv("CXR_THREADS", "two")
    with pytest.raises(StoreError, match=r"\$CXR_THREADS is two"):
        next(each([1], work))


def test_a_panic_is_one_file_s(own_demo: ExperimentData, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file on which a decoder panics, with what is no Exception, is untested and ends no run."""

    class Panic(BaseException):
        pass

    tested = []
    examine = integrity.examine

    def panicking(*given: Any, **options: Any) -> Any:
        tested.append(given)
        if len(tested) == 9:
            raise Panic("index out of bounds")
        return examine(*given, **options)

    monkeypatch.setattr(integrity, "examine", panicking)
    found = own_demo.check_integrity()
    assert found.counts["untested"] == 1
    (row,) = [row for row in found.problems.to_pylist() if row["verdict"] == "untested"]
    assert row["detail"] == "its test failed: index out of bounds"
