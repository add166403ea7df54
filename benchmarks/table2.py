"""The paper's Table 2 again: seconds to collect the images of a finding, by three ways.

    python -m benchmarks.table2 LABELS.csv [--picture FIGURE2.png]

The table of descriptors is walked as the paper describes it: each row is analysed, its `Labels`
parsed, and the image taken if the finding is among them. Once over the rows of a pandas DataFrame,
the paper's library, and once over plain Python dictionaries, the quickest walk there is. The
dictionary is the paper's index, finding -> list of (image, localizations), in memory; collecting
means copying the list. `str.contains` is what people type instead, over labels that lie in memory
(pandas) or in the file (polars' scan_csv, with the columns that are collected). The posting table
is cxr-duck's: ids and localizations as an Arrow table, read from Parquet each time. Medians; walks
run a few times, look-ups often; all in one run.
"""

import argparse
import ast
import csv
import gzip
import statistics
import tempfile
from pathlib import Path

import pandas
import polars

from benchmarks.measure import machine, median_of
from cxr_duck import ExperimentData

FINDINGS = [
    "normal",
    "COPD signs",
    "cardiomegaly",
    "aortic elongation",
    "pleural effusion",
    "nodule",
    "emphysema",
]

# The paper's Table 2, of the same findings: images, and seconds of its two ways.
PAPER_IMAGES = [50_390, 23_280, 15_022, 11_780, 9_931, 3_748, 1_543]
PAPER = {
    "table of descriptors": [43.93, 41.52, 40.17, 43.38, 44.04, 40.08, 41.83],
    "inverted index": [2.46, 1.17, 0.69, 0.51, 0.46, 0.21, 0.07],
}

Row = dict[str, str]


def read_rows(path: Path) -> list[Row]:
    """Return the table of descriptors, in memory."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def walk_frame(frame: pandas.DataFrame, finding: str) -> list[tuple[str, list[str]]]:
    """Collect a finding's images from the table of descriptors as a DataFrame."""
    return [
        (row["ImageID"], places_of(row["Localizations"]))
        for _, row in frame.iterrows()
        if finding in parsed(row["Labels"])
    ]


def places_of(text: str) -> list[str]:
    """Return the localizations of a row."""
    return [] if text == "nan" else list(ast.literal_eval(text))


def parsed(text: str) -> list[str]:
    """Return the labels of a row, cleaned as PadChest's authors say."""
    terms = {term.strip() for term in ast.literal_eval(text)} - {""} if text != "nan" else set()
    for weak in ("exclude", "normal"):
        if len(terms) > 1:
            terms.discard(weak)
    return sorted(terms)


def walk(rows: list[Row], finding: str) -> list[tuple[str, list[str]]]:
    """Collect a finding's images from the table of descriptors."""
    return [
        (row["ImageID"], places_of(row["Localizations"]))
        for row in rows
        if finding in parsed(row["Labels"])
    ]


def search_frame(frame: pandas.DataFrame, finding: str) -> pandas.DataFrame:
    """Collect the rows whose labels contain a finding's name, from a DataFrame in memory."""
    return frame.loc[
        frame["Labels"].str.contains(finding, regex=False), ["ImageID", "Localizations"]
    ]


def search_file(path: Path, finding: str) -> polars.DataFrame:
    """Collect the rows whose labels contain a finding's name, from the file."""
    return (
        polars.scan_csv(path, infer_schema=False)
        .filter(polars.col("Labels").str.contains(finding, literal=True))
        .select("ImageID", "Localizations")
        .collect()
    )


def dictionary(rows: list[Row]) -> dict[str, list[tuple[str, list[str]]]]:
    """Return the paper's index: finding -> its images with their localizations."""
    index: dict[str, list[tuple[str, list[str]]]] = {}
    for row in rows:
        places = places_of(row["Localizations"])
        for finding in parsed(row["Labels"]):
            index.setdefault(finding, []).append((row["ImageID"], places))
    return index


def main() -> None:
    """Measure, print the table, draw Figure 2."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("labels", type=Path)
    options.add_argument("--picture", type=Path)
    options.add_argument("--walks", type=int, default=3)
    given = options.parse_args()

    rows = read_rows(given.labels)
    frame = pandas.DataFrame(rows)
    index = dictionary(rows)
    with tempfile.TemporaryDirectory() as folder:
        data = ExperimentData(labels_csv=given.labels, store=folder)
        data.create_index()
        results = []
        for finding in FINDINGS:
            images = len(data.index[finding])
            assert images == len(index[finding]) == len(walk(rows, finding)), finding
            results.append(
                (
                    finding,
                    images,
                    median_of(lambda f=finding: walk_frame(frame, f), given.walks),  # type: ignore[misc]
                    median_of(lambda f=finding: walk(rows, f), given.walks),  # type: ignore[misc]
                    median_of(lambda f=finding: list(index[f]), 101),  # type: ignore[misc]
                    median_of(lambda f=finding: data.index[f].arrow(), 51),  # type: ignore[misc]
                    median_of(lambda f=finding: search_frame(frame, f), 15),  # type: ignore[misc]
                    median_of(lambda f=finding: search_file(given.labels, f), 5),  # type: ignore[misc]
                )
            )
    print_table(results)
    if given.picture:
        draw(results, given.picture)


def tell(name: str, images: list[float], seconds: list[float]) -> None:
    """Print mean and standard deviation of some times, and their correlation with the images."""
    mean, deviation = statistics.mean(seconds), statistics.stdev(seconds)
    correlation = statistics.correlation(images, seconds)
    print(f"\n{name}: {mean:.4g} ± {deviation:.2g} s, Pearson correlation {correlation:.3f}")


Result = tuple[str, int, float, float, float, float, float, float]


def print_table(results: list[Result]) -> None:
    """Print the table in Markdown, the ratios and the correlations."""
    print(f"Table 2 on {machine()}\n")
    print(
        "| finding | images | walk, pandas, s | walk, rows, s | scan_csv, ms | str.contains, ms "
        "| dictionary, ms | posting table, ms |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for finding, count, framed, walked, looked_up, found, searched, scanned in results:
        print(
            f"| {finding} | {count:,} | {framed:.2f} | {walked:.2f} | {scanned * 1000:.0f} "
            f"| {searched * 1000:.1f} | {looked_up * 1000:.2f} | {found * 1000:.2f} |"
        )
    images = [float(result[1]) for result in results]
    for name, place in (("pandas", 2), ("rows", 3), ("dictionary", 4), ("posting table", 5)):
        seconds = [float(result[place]) for result in results]
        tell(name, images, seconds)
    for name, seconds in PAPER.items():
        tell(f"the paper's {name}", list(map(float, PAPER_IMAGES)), seconds)
    for name, place in (
        ("the walk over pandas", 2), ("the walk over rows", 3), ("pandas' str.contains", 6),
        ("polars' scan_csv and filter", 7),
    ):  # fmt: skip
        ratios = [float(result[place]) / result[5] for result in results]
        print(f"\n{name} to the posting table: {min(ratios):,.1f} to {max(ratios):,.1f} times")


def draw(results: list[Result], path: Path) -> None:
    """Draw the paper's Figure 2: time against number of images, for both indexes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    ordered = sorted(results, key=lambda result: result[1])
    images = [result[1] for result in ordered]
    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    for name, place, mark in (
        ("posting table, Parquet to Arrow", 5, "o-"),
        ("dictionary", 4, "s-"),
    ):
        axes.plot(images, [float(r[place]) * 1000 for r in ordered], mark, label=name)
    for number, (finding, count, _, _, _, found, _, _) in enumerate(ordered):
        axes.annotate(
            finding,
            (count, found * 1000),
            textcoords="offset points",
            xytext=(4, -14 if number % 2 else 8),
            ha="right" if finding == "normal" else "left",
            fontsize=8,
        )
    axes.set(
        xlabel="images with the finding",
        ylabel="milliseconds",
        title="Time to collect the images of a finding",
        ylim=(0, None),
        xlim=(0, images[-1] * 1.08),
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="center right")
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
