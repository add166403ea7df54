"""Targets: the units that each class should have in each split, and how many it can keep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from cxr_duck.datasets.allocation.allocate import HUNDREDTHS, Cell, Signature
from cxr_duck.datasets.allocation.rounding import largest_remainder
from cxr_duck.datasets.recipes.recipe import Recipe

__all__ = [
    "Patients",
    "Sizes",
    "allowed_splits",
    "is_class",
    "is_combination",
    "is_finding",
    "kept_sizes",
    "largest_size",
    "signatures_of",
    "smallest_class",
    "wanted_units",
]

_PARTS = 1_000_000  # that a chance is told in


def is_class(cell: Cell) -> bool:
    """Tell whether a cell is a class as a whole."""
    return len(cell) == 2 and not cell[1]


def is_finding(cell: Cell) -> bool:
    """Tell whether a cell is a finding of a class."""
    return bool(cell[1])


def is_combination(cell: Cell) -> bool:
    """Tell whether a cell is a combination of values, by which classes match."""
    return len(cell) == 3 and cell[2].startswith("=")


def allowed_splits(limit: str, splits: int) -> tuple[int, ...]:
    """Return the places of the splits that a limit of `patient_limits` allows; all where '' is."""
    last = splits - 1
    return {
        "": tuple(range(splits)),
        "first": (0,),
        "last": (last,),
        "not last": tuple(range(last)),
    }[limit]


@dataclass
class Sizes:
    """The units of a class, by the limit of their patients."""

    units: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All units of the class."""
        return sum(self.units.values())

    @property
    def limited(self) -> bool:
        """Whether some of its patients may not go to every split."""
        return any(count for limit, count in self.units.items() if limit)

    def most(self, shares: Sequence[int]) -> int:
        """Return the most units that can have their rounded shares, whatever the patients."""
        total = self.total
        while self.limited and not self._fits(largest_remainder(total, shares)):
            total -= 1
        return total

    def _fits(self, wanted: Sequence[int]) -> bool:
        """Tell whether each group of splits that a limit sets apart has units enough."""
        last = len(wanted) - 1
        groups = [{last}, set(range(1, last)), set(range(1, last + 1)), set(range(last))]
        for group in groups:
            able = sum(
                count
                for limit, count in self.units.items()
                if group & set(allowed_splits(limit, len(wanted)))
            )
            if sum(wanted[split] for split in group) > able:
                return False
        return True

    def surplus(self, base: Sequence[int], shares: Sequence[int]) -> list[int]:
        """Return where the units go that `base`, units a split, leaves over.

        Patients of few splits fill the base first, the others what is left of it.
        """
        need, found = list(base), [0] * len(base)
        for limit in ("first", "last", "not last", ""):
            left = self.units.get(limit, 0)
            splits = allowed_splits(limit, len(base))
            for split in splits:
                used = min(left, need[split])
                need[split] -= used
                left -= used
            more = largest_remainder(left, [shares[split] for split in splits])
            for split, units in zip(splits, more, strict=True):
                found[split] += units
        return found


def kept_sizes(recipe: Recipe, base_units: int, base_class: str) -> dict[str, int]:
    """Return the units of every class where the base class has so many, in the recipe's ratio."""
    parts = recipe.ratio or dict.fromkeys(recipe.classes, 1)
    return {name: base_units * parts[name] // parts[base_class] for name in recipe.classes}


def smallest_class(recipe: Recipe, sizes: Mapping[str, int]) -> str:
    """Return the class that decides how large the others can be."""
    parts = recipe.ratio or dict.fromkeys(recipe.classes, 1)
    return min(recipe.classes, key=lambda name: Fraction(sizes.get(name, 0), parts[name]))


@dataclass(frozen=True)
class Patients:
    """So many patients who bring the same units to the cells, under the same limit."""

    number: int
    units: dict[Cell, int]
    limit: str = ""


def wanted_units(recipe: Recipe, patients: Sequence[Patients]) -> dict[Cell, list[int]]:
    """Return the hundredths of units wanted in each split, a cell.

    A class wants whole units: those of its balanced size, and of what is more its rounded shares.
    A finding, and a value of a column, wants its exact share.
    """
    shares = list(recipe.shares.values())
    totals: dict[Cell, int] = {}
    for same in patients:
        for cell, count in same.units.items():
            totals[cell] = totals.get(cell, 0) + same.number * count
    sizes = _sizes(patients)
    bases = _bases(recipe, sizes, shares)
    of_classes = {name: _class_wants(sizes[name], base, shares) for name, base in bases.items()}
    wanted = {}
    for cell, total in totals.items():
        parts = of_classes[cell[0]] if sizes[cell[0]].limited else shares
        wanted[cell] = (
            [HUNDREDTHS * units for units in of_classes[cell[0]]]
            if is_class(cell)
            else [round(HUNDREDTHS * total * part / sum(parts)) for part in parts]
        )
    return wanted


def signatures_of(
    recipe: Recipe, patients: Sequence[Patients], wanted: Mapping[Cell, Sequence[int]]
) -> list[Signature]:
    """Return the signatures of patients, with their chances of each split.

    Where nothing limits a class these are the shares. Else its patients who may go anywhere have
    one chance of each split, whoever they are: that of what the others leave there. A patient of
    several classes has the mean of theirs, by his units.
    """
    shares = tuple(recipe.shares.values())
    if not any(same.limit for same in patients):
        return [Signature(same.number, same.units, shares) for same in patients]
    chances = {
        name: _chances_by_limit(
            size.units, [part / HUNDREDTHS for part in wanted[name, ""]], shares
        )
        for name, size in _sizes(patients).items()
    }
    found = []
    for same in patients:
        brought = {cell[0]: units for cell, units in same.units.items() if is_class(cell)}
        mean = [
            sum(units * chances[name][same.limit][split] for name, units in brought.items())
            / sum(brought.values())
            for split in range(len(shares))
        ]
        allowed = allowed_splits(same.limit, len(shares))
        whole = tuple(
            max(1, round(_PARTS * part)) if split in allowed else 0
            for split, part in enumerate(mean)
        )
        found.append(Signature(same.number, same.units, whole))
    return found


def _chances_by_limit(
    units: Mapping[str, int], wanted: Sequence[float], shares: Sequence[int]
) -> dict[str, list[float]]:
    """Return the chance of each split for the patients of one class, by their limit.

    Those of one split are there already; those of all splits but the last get their part of what is
    wanted besides, then those who may go anywhere.
    """
    rest = list(wanted)
    chances = {}
    for limit in ("first", "last", "not last", ""):
        allowed = allowed_splits(limit, len(shares))
        open_to = [max(rest[split], 0.0) for split in allowed]
        parts = open_to if sum(open_to) else [shares[split] for split in allowed]
        chances[limit] = [0.0] * len(shares)
        for split, part in zip(allowed, parts, strict=True):
            chances[limit][split] = part / sum(parts)
            rest[split] -= units.get(limit, 0) * part / sum(parts)
    return chances


def largest_size(recipe: Recipe, patients: Sequence[Patients]) -> tuple[str, int]:
    """Return the class that decides the size of the others, and the most units it may keep."""
    shares = list(recipe.shares.values())
    most = {name: size.most(shares) for name, size in _sizes(patients).items()}
    smallest = smallest_class(recipe, most)
    return smallest, most[smallest]


def _sizes(patients: Sequence[Patients]) -> dict[str, Sizes]:
    """Return the sizes of the classes."""
    sizes: dict[str, Sizes] = {}
    for same in patients:
        for cell, count in same.units.items():
            if is_class(cell):
                of_class = sizes.setdefault(cell[0], Sizes()).units
                of_class[same.limit] = of_class.get(same.limit, 0) + same.number * count
    return sizes


def _bases(
    recipe: Recipe, sizes: Mapping[str, Sizes], shares: Sequence[int]
) -> dict[str, list[int]]:
    """Return the units a split of each class when all have their balanced size."""
    most = {name: size.most(shares) for name, size in sizes.items()}
    if recipe.balance != "none":
        smallest = smallest_class(recipe, most)
        most = kept_sizes(recipe, most[smallest], smallest)
    return {name: largest_remainder(most[name], shares) for name in sizes}


def _class_wants(size: Sizes, base: list[int], shares: Sequence[int]) -> list[int]:
    """Return the units wanted a split, no fewer than `base`, as near the shares as may be."""
    own = largest_remainder(size.total, shares)
    if not size.limited and all(a >= b for a, b in zip(own, base, strict=True)):
        return own
    return [a + b for a, b in zip(base, size.surplus(base, shares), strict=True)]
