"""The index at many times the size of PadChest, in a few gigabytes of memory.

    python benchmarks/hundredfold.py LABELS.csv [--times 100] [--memory 2GB]

A label file of so many times the rows is made of the given one: every image, study and patient
stands in it so often, under names of its own, so that findings, localizations and the images of a
patient are distributed as they were; and one finding is given to 50 images. It is indexed, and
added to, by `cxr index` as a process of its own whose memory is watched; then findings are looked
up there and in an index of the given file. The reports' text is left out: nothing is made of it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
from measure import machine, median_of

from cxr_duck import ExperimentData
from cxr_duck.data_files import data_files

CXR = [sys.executable, "-m", "cxr_duck"]
RARE = "benchmark finding"
REBUILD = Path(__file__).with_name("build_postings.py")
ADDED = 1600  # rows


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("labels", type=Path)
    options.add_argument("--times", type=int, default=100)
    options.add_argument("--memory", default="2GB")
    options.add_argument("--folder", type=Path, help="where to put the files, which go afterwards")
    given = options.parse_args()
    environment = {**os.environ, "CXR_MEMORY_LIMIT": given.memory, "CXR_THREADS": "2"}
    print(f"{given.times} times PadChest on {machine()}, memory_limit {given.memory}\n")
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        for times, store in ((1, "small"), (given.times, "large")):
            make_labels(given.labels, folder / f"{store}.csv", times)
        make_labels(given.labels, folder / "more.csv", 1, copy="more", rows=ADDED)
        size = (folder / "large.csv").stat().st_size
        for store in ("small", "large"):
            command = [*CXR, "index", str(folder / f"{store}.csv"), "--store", str(folder / store)]
            seconds, peak = run(command, environment)
        large = ExperimentData(store=folder / "large")
        files = data_files(large.store.cursor(), "postings")
        images = sum(file.rows for file in data_files(large.store.cursor(), "images"))
        postings = sum(file.rows for file in files)
        built, built_peak = run(
            [sys.executable, str(REBUILD), str(folder / "large"), str(folder / "built")],
            environment,
        )
        added, added_peak = run(
            [*CXR, "index", str(folder / "more.csv"), "--store", str(folder / "large")], environment
        )
        print("| | seconds | peak, GB | |")
        print("|---|---:|---:|---|")
        print(
            f"| `cxr index`, {size / 1e9:.1f} GB of CSV | {seconds:.1f} | {peak:.2f} "
            f"| {images:,} images, {postings:,} postings |"
        )
        print(
            f"| the posting table of it alone | {built:.1f} | {built_peak:.2f} "
            f"| {postings / built / 1e6:.2f} million postings a second |"
        )
        print(
            f"| `cxr index` of {ADDED:,} rows more | {added:.1f} | {added_peak:.2f} "
            f"| {added / seconds:.2%} of indexing all, {added / built:.2%} of the posting table |"
        )
        stored = sum(file.bytes for file in files)
        print(f"\n{stored / postings:.1f} bytes a posting, in {len(files)} files\n")
        small = ExperimentData(store=folder / "small")
        look_up(small, large)
        merged, merged_peak = run([*CXR, "compact", "--store", str(folder / "large")], environment)
        files = data_files(large.store.cursor(), "postings")
        print(
            f"\nAfter `cxr compact` ({merged:.1f} s, {merged_peak:.2f} GB; {len(files)} files, "
            f"{sum(file.bytes for file in files) / postings:.1f} bytes a posting):\n"
        )
        look_up(small, large)


def make_labels(
    labels: Path, target: Path, times: int, copy: str = "", rows: int | None = None
) -> None:
    """Write a label file that has each row of another so many times, as images of their own."""
    spill = target.with_suffix(".spill")
    connection = duckdb.connect(
        config={"preserve_insertion_order": False, "temp_directory": str(spill)}
    )
    limit = "" if rows is None else f"LIMIT {rows}"
    source = f"read_csv('{labels}', all_varchar = true, nullstr = ['nan', ''])"
    connection.execute(
        'CREATE TABLE rows AS SELECT * EXCLUDE ("Report", column00), column00 AS "Unnamed: 0" '
        f"FROM {source} {limit}"
    )
    connection.execute(
        f"""
        COPY (
            SELECT * EXCLUDE (copy) REPLACE (
                concat(replace("ImageID", '.png', ''), '-{copy}', copies.copy, '.png') AS "ImageID",
                concat("PatientID", '{copy}', copies.copy) AS "PatientID",
                concat("StudyID", '{copy}', copies.copy) AS "StudyID",
                CASE
                    WHEN '{copy}' = '' AND copies.copy = 0 AND rows.rowid % 3000 = 7
                        AND rows.rowid < 150000
                        THEN concat('[''{RARE}'', ', substr("Labels", 2))
                    ELSE "Labels"
                END AS "Labels"
            )
            FROM range({times}) AS copies (copy)
            CROSS JOIN rows
        ) TO '{target}' (HEADER)
        """
    )
    connection.close()
    shutil.rmtree(spill, ignore_errors=True)


def run(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Run a process; return its seconds and the most memory that it held, in GB."""
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return time.perf_counter() - start, usage.ru_maxrss * 1024 / 1e9


def look_up(small: ExperimentData, large: ExperimentData) -> None:
    """Print how long findings take to look up, ids and localizations to Arrow, in both."""
    print("| finding | images | ms | images | ms | ratio |")
    print("|---|---:|---:|---:|---:|---:|")
    for finding in (RARE, "emphysema", "nodule", "normal"):
        cells = []
        for data in (small, large):
            images = len(data.index[finding])
            seconds = median_of(
                lambda d=data, f=finding: d.index[f].arrow(),  # type: ignore[misc]
                51 if images < 1e6 else 5,
            )
            cells += [f"{images:,}", seconds]
        print(
            f"| {finding} | {cells[0]} | {cells[1] * 1000:.2f} | {cells[2]} "
            f"| {cells[3] * 1000:.2f} | {cells[3] / cells[1]:.1f} |"
        )


if __name__ == "__main__":
    main()
