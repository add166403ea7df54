"""What a recipe promises, told from the label rows in plain Python: what the SQL must hold to."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from math import floor
from typing import Any

from cxr_duck import Dataset
from cxr_duck.datasets.allocation.rounding import largest_remainder
from tests.support.walk import findings_of

__all__ = [
    "Rows",
    "check_promises",
    "combination_of",
    "members_of",
    "sizes_of",
    "unit_of",
    "value_of",
]

Rows = Mapping[str, Mapping[str, str]]  # the label rows by image id
_UNITS = {"image": "ImageID", "patient": "PatientID"}


def members_of(dataset: Dataset) -> list[dict[str, str]]:
    """Return the members of a dataset, one dict a (class, finding, image)."""
    members: list[dict[str, str]] = dataset.members.to_pylist()
    return members


def unit_of(rows: Rows, image: str, unit: str) -> str:
    """Return the unit that an image belongs to."""
    row = rows[image]
    # The id of a study is unique within a patient only.
    return f"{row['PatientID']} {row['StudyID']}" if unit == "study" else row[_UNITS[unit]]


def value_of(row: Mapping[str, str], option: str) -> str:
    """Return what an image has in a column to stratify or match by, as it is told: age 60 to 64."""
    name, _, step = option.partition(":")
    year, birth = row["StudyDate_DICOM"][:4], row["PatientBirth"].partition(".")[0]
    value = {
        "sex": row["PatientSex_DICOM"],
        "projection": row["Projection"],
        "year": year,
        "age": str(int(year) - int(birth)) if year and birth else "",
    }[name]
    if value in ("", "nan"):
        return f"{name} unknown"
    if not step:
        return f"{name} {value}"
    first = floor(int(value) / int(step)) * int(step)
    return f"{name} {first} to {first + int(step) - 1}"


def combination_of(rows: Rows, images: Sequence[str], options: Sequence[str]) -> str:
    """Return the values of a unit's images in some columns; a word where its images differ."""
    found = {", ".join(value_of(rows[image], option) for option in options) for image in images}
    return found.pop() if len(found) == 1 else "several values"


def sizes_of(dataset: Dataset, rows: Rows) -> dict[tuple[str, str], int]:
    """Return the units of each (class, split)."""
    unit = dataset.recipe.unit
    units = defaultdict(set)
    for row in members_of(dataset):
        units[row["class"], row["split"]].add(unit_of(rows, row["image_id"], unit))
    return {place: len(found) for place, found in units.items()}


def claimed(rows: Rows, classes: Sequence[str], options: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the classes of each image that meets the filters, after overlaps were dealt with."""
    unit, overlap = options.get("unit", "image"), options.get("overlap", "drop")
    chosen: dict[str, list[str]] = {}
    of_unit: dict[str, set[str]] = defaultdict(set)
    for image, row in rows.items():
        findings = findings_of(row["Labels"])
        if options.get("pure") and len(findings) != 1:
            continue
        if set(findings) & set(options.get("exclude", ())):
            continue
        if found := [name for name in classes if name in findings]:
            chosen[image] = found
            of_unit[unit_of(rows, image, unit)].update(found)
    claims = {}
    for image, found in chosen.items():
        several = [name for name in classes if name in of_unit[unit_of(rows, image, unit)]]
        if overlap == "drop" and len(several) > 1:
            continue
        claims[image] = [several[0]] if overlap == "first" else found
    return {
        image: [name for name in found if name in chosen[image]]
        for image, found in claims.items()
        if set(found) & set(chosen[image])
    }


def dated(rows: Rows, claims: Mapping[str, Any], days: Sequence[str]) -> dict[str, int]:
    """Return the period of each image of a patient's period: that of most images, or the later."""
    borders = [date.fromisoformat(day) for day in days]
    periods: dict[str, int] = {}
    for image in claims:
        if day := rows[image]["StudyDate_DICOM"]:
            studied = date.fromisoformat(f"{day[:4]}-{day[4:6]}-{day[6:]}")
            periods[image] = sum(studied >= border for border in borders)
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for image, period in periods.items():
        counts[rows[image]["PatientID"]][period] += 1
    side = {
        patient: max(count, key=lambda period: (count[period], period))
        for patient, count in counts.items()
    }
    return {i: period for i, period in periods.items() if side[rows[i]["PatientID"]] == period}


def check_promises(
    dataset: Dataset, rows: Rows, classes: Sequence[str], options: Mapping[str, Any]
) -> None:
    """Fail where a dataset breaks what its options promise."""
    claims = claimed(rows, classes, options)
    members = members_of(dataset)
    splits = list(dataset.recipe.shares)
    classes_of: dict[str, set[str]] = defaultdict(set)
    split_of: dict[str, set[str]] = defaultdict(set)
    for row in members:
        assert row["finding"] == row["class"]
        assert row["patient_id"] == rows[row["image_id"]]["PatientID"]
        classes_of[row["image_id"]].add(row["class"])
        split_of[row["patient_id"]].add(row["split"])
    assert all(len(found) == 1 for found in split_of.values()), "a patient in two splits"
    for image, found in classes_of.items():
        assert found == set(claims[image])
    may_be = _check_patients(members, rows, claims, splits, options)
    _check_units(set(classes_of), rows, may_be, options)
    _check_sizes(dataset, rows, may_be, claims, splits, options)
    _check_removals(dataset, rows, classes)
    if options.get("match"):
        _check_match(dataset, rows, may_be, claims, options)


def _check_patients(
    members: Sequence[Mapping[str, str]],
    rows: Rows,
    claims: Mapping[str, list[str]],
    splits: Sequence[str],
    options: Mapping[str, Any],
) -> set[str]:
    """Check dates, labels by hand and numbers a patient; return the images that may be members."""
    may_be = set(claims)
    if options.get("by_date"):
        periods = dated(rows, claims, options["by_date"])
        assert all(splits[periods[row["image_id"]]] == row["split"] for row in members)
        may_be = set(periods)
    if options.get("physician_test"):
        for row in members:
            by_hand = rows[row["image_id"]]["MethodLabel"] == "Physician"
            assert by_hand or row["split"] == splits[0]
    if most := options.get("per_patient"):
        crowds = Counter((row["patient_id"], row["class"]) for row in members)
        assert max(crowds.values()) <= most
    return may_be


def _check_units(
    images: set[str], rows: Rows, may_be: set[str], options: Mapping[str, Any]
) -> None:
    """A unit is kept as a whole, but for images beyond the number of a patient."""
    unit = options.get("unit", "image")
    kept = {unit_of(rows, image, unit) for image in images}
    whole = {image for image in may_be if unit_of(rows, image, unit) in kept}
    assert images <= whole
    if not options.get("per_patient"):
        assert images == whole


def _check_sizes(
    dataset: Dataset,
    rows: Rows,
    may_be: set[str],
    claims: Mapping[str, list[str]],
    splits: Sequence[str],
    options: Mapping[str, Any],
) -> None:
    """Classes have their ratio and splits their shares, in units."""
    recipe, sizes = dataset.recipe, sizes_of(dataset, rows)
    totals = {name: sum(sizes[name, split] for split in splits) for name in recipe.classes}
    assert all(sizes[name, split] for name in recipe.classes for split in splits)
    parts = recipe.ratio or dict.fromkeys(recipe.classes, 1)
    for where, most in recipe.size.items():
        for name, part in parts.items():
            size = sizes[name, where] if where else totals[name]
            assert size <= most * part // max(parts.values())
    if recipe.balance == "none" and recipe.findings != "equal":
        if not options.get("per_patient") and not options.get("physician_test"):
            units = {
                name: {unit_of(rows, i, recipe.unit) for i in may_be if name in claims[i]}
                for name in recipe.classes
            }
            most = recipe.size.get("", len(rows))
            assert totals == {name: min(len(found), most) for name, found in units.items()}
        return
    # A size of single splits, and dates, leave each split a ratio of its own.
    apart = bool(recipe.by_date or recipe.size.keys() - {""})
    told = [{n: sizes[n, split] for n in parts} for split in splits] if apart else [totals]
    for name, part in parts.items():
        for other, of_other in parts.items():
            assert recipe.balance == "none" or all(
                abs(units[name] / part - units[other] / of_other) < (1 if units is totals else 2)
                for units in told
            )
        if recipe.balance == "equal":
            assert [sizes[name, split] for split in splits] == [
                sizes[next(iter(parts)), split] for split in splits
            ]
        if apart:
            continue
        shares = list(recipe.shares.values())
        if recipe.match:  # so many sets of units, each of which has its part of every class
            sets = largest_remainder(totals[name] // part, shares)
            assert [sizes[name, split] for split in splits] == [part * n for n in sets]
        elif not (recipe.ratio and recipe.overlap == "keep"):
            assert [sizes[name, split] for split in splits] == largest_remainder(
                totals[name], shares
            )


def _check_match(
    dataset: Dataset,
    rows: Rows,
    may_be: set[str],
    claims: Mapping[str, list[str]],
    options: Mapping[str, Any],
) -> None:
    """In each split and combination classes have their ratio; what is left out adds up."""
    recipe = dataset.recipe
    images: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for row in members_of(dataset):
        unit = unit_of(rows, row["image_id"], recipe.unit)
        images[row["class"], row["split"], unit].append(row["image_id"])
    kept: Counter[tuple[str, str, str]] = Counter()
    for (name, split, _), of_unit in images.items():
        kept[name, split, combination_of(rows, of_unit, recipe.match)] += 1
    parts = recipe.ratio or dict.fromkeys(recipe.classes, 1)
    for _, split, combination in kept:
        sets = {kept[name, split, combination] / part for name, part in parts.items()}
        assert len(sets) == 1, "a combination has more of one class"
        assert recipe.size or sets.pop() % 1 == 0
    if recipe.size or options.get("per_patient") or options.get("physician_test"):
        return
    there: dict[tuple[str, str], list[str]] = defaultdict(list)
    for image in may_be:
        for name in claims[image]:
            there[name, unit_of(rows, image, recipe.unit)].append(image)
    left: dict[str, Counter[str]] = defaultdict(Counter)
    for (name, _), of_unit in there.items():
        left[combination_of(rows, of_unit, recipe.match)][name] += 1
    for name, _, combination in list(kept):
        left[combination][name] -= kept[name, _, combination]
    assert dataset.exactness.unmatched == {
        combination: {name: units for name, units in counts.items() if units}
        for combination, counts in left.items()
        if any(counts.values())
    }


def _check_removals(dataset: Dataset, rows: Rows, classes: Sequence[str]) -> None:
    """What each filter removed and what is kept add up to the indexed images of the class."""
    for name in classes:
        counts = {rule: n for (term, rule), n in dataset.removals.items() if term == name}
        indexed = [i for i, row in rows.items() if name in findings_of(row["Labels"])]
        assert sum(counts.values()) == len(indexed)
        kept = sum(n for (term, f, _), n in dataset.composition.items() if (term, f) == (name, ""))
        assert counts["kept"] == kept
