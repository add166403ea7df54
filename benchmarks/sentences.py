"""Do recovered sentence borders bring the network's rows nearer to the hand-labelled ones?

    python -m benchmarks.sentences LABELS.csv

The share of a localization among the images of a finding should be about the same whether a
physician or the network labelled them. For each finding with enough images of both, the distance
is half the sum over localizations of the difference of the two shares, weighted to 1 a finding (the
total variation of the shares, divided by their sum). The hand-labelled rows have a list for each
sentence and stand for the truth; the network's are taken with the recovered borders, with a run of
findings sharing all localizations that follow, and with each image's own list.
"""

import argparse
import csv
import gzip
import statistics
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import machine
from cxr_duck import ExperimentData

ENOUGH = 50  # images of a finding by hand, and as many by the network

# (finding, whether labelled by hand) -> localization -> images; '' counts the images themselves
Shares = dict[tuple[str, bool], Counter[str]]


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("labels", type=Path)
    labels = options.parse_args().labels
    print(f"Localizations by hand and by the network, on {machine()}\n")
    with tempfile.TemporaryDirectory() as folder:
        data = ExperimentData(labels_csv=labels, store=folder)
        data.create_index()
        recovered = shares_of(data, "postings.localizations")
        whole = shares_of(data, "images.localizations")
        whole.update({key: count for key, count in recovered.items() if key[1]})
    naive = shares_without_borders(labels, recovered)
    distances = {
        "recovered borders": distances_of(recovered),
        "a run of findings shares what follows": distances_of(naive),
        "the image's own list": distances_of(whole),
    }
    print(
        "| localizations of the network's rows | findings | mean distance | median | nearest for |"
    )
    print("|---|---:|---:|---:|---:|")
    best = Counter(
        min(distances, key=lambda way: distances[way][finding])
        for finding in distances["recovered borders"]
    )
    for way, found in distances.items():
        print(
            f"| {way} | {len(found)} | {statistics.mean(found.values()):.4f} "
            f"| {statistics.median(found.values()):.4f} | {best[way]} |"
        )
    place = "loc right"
    for way, shares in (("recovered", recovered), ("shared", naive), ("image", whole)):
        hand, network = shares["COPD signs", True], shares["COPD signs", False]
        print(
            f"\nCOPD signs in {place}, {way}: by hand {hand[place] / hand['']:.4f}, "
            f"by the network {network[place] / network['']:.4f}"
        )


def shares_of(data: ExperimentData, localizations: str) -> Shares:
    """Return how many images of each finding have each localization, by a column of the store."""
    rows = data.sql(
        f"SELECT finding, label_method = 'Physician' AS by_hand, {localizations} AS places "
        "FROM postings JOIN images USING (image_id)"
    ).to_pydict()
    shares: Shares = defaultdict(Counter)
    for finding, by_hand, places in zip(*rows.values(), strict=True):
        shares[finding, by_hand].update(["", *places])
    return shares


def shares_without_borders(labels: Path, recovered: Shares) -> Shares:
    """Return the shares where a run of findings has all localizations that follow it."""
    shares: Shares = defaultdict(Counter)
    shares.update({key: count for key, count in recovered.items() if key[1]})
    opened = gzip.open if labels.suffix == ".gz" else open
    with opened(labels, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["MethodLabel"] != "RNN_model":
                continue
            places: defaultdict[str, set[str]] = defaultdict(set)
            for findings, followed in runs(row["LabelsLocalizationsBySentence"]):
                for finding in findings:
                    places[finding] |= followed
            for finding, found in places.items():
                if (finding, False) in recovered:
                    shares[finding, False].update(["", *found])
    return shares


def runs(text: str) -> Iterator[tuple[set[str], set[str]]]:
    """Yield each run of findings with the run of localizations behind it."""
    findings: set[str] = set()
    places: set[str] = set()
    for term in [] if text == "nan" else [t.strip() for t in text[2:-2].split("', '")]:
        if term.startswith("loc "):
            places.add(term)
        else:
            if places:
                yield findings, places
                findings, places = set(), set()
            findings.add(term)
    yield findings, places


def distances_of(shares: Shares) -> dict[str, float]:
    """Return for each finding the distance of its two sets of shares, 0 to 1."""
    distances = {}
    for finding in sorted({finding for finding, _ in shares}):
        hand, network = shares[finding, True], shares[finding, False]
        if min(hand[""], network[""]) < ENOUGH or finding in ("normal", "exclude"):
            continue
        ours = {place: count / hand[""] for place, count in hand.items() if place}
        theirs = {place: count / network[""] for place, count in network.items() if place}
        total = sum(ours.values()) + sum(theirs.values())
        apart = sum(abs(ours.get(p, 0) - theirs.get(p, 0)) for p in ours.keys() | theirs.keys())
        distances[finding] = apart / total if total else 0.0
    return distances


if __name__ == "__main__":
    main()
