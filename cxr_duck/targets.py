"""How many units each class wants in each split, and how many it can keep."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from cxr_duck.allocation import HUNDREDTHS, Cell, Signature, largest_remainder
from cxr_duck.recipe import Recipe

__all__ = ["Sizes", "allowed_splits", "kept_sizes", "smallest_class", "wanted_units"]


def allowed_splits(limit: str, splits: int) -> tuple[int, ...]:
    """Return the places of the splits that a limit of `patient_limits` allows; () where all are."""
    last = splits - 1
    return {
        "": (),
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
                if not limit or group & set(allowed_splits(limit, len(wanted)))
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
            splits = allowed_splits(limit, len(base)) or tuple(range(len(base)))
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


def wanted_units(
    recipe: Recipe, signatures: Iterable[Signature], limits: Iterable[str]
) -> dict[Cell, list[int]]:
    """Return the hundredths of units wanted in each split, a cell.

    A class wants whole units: those of its balanced size, and of what is more its rounded shares.
    A finding wants its exact share.
    """
    shares = list(recipe.shares.values())
    totals: dict[Cell, int] = {}
    sizes: dict[str, Sizes] = {}
    for signature, limit in zip(signatures, limits, strict=True):
        for (name, finding), count in signature.units.items():
            units = signature.patients * count
            totals[name, finding] = totals.get((name, finding), 0) + units
            if not finding:
                of_class = sizes.setdefault(name, Sizes()).units
                of_class[limit] = of_class.get(limit, 0) + units
    bases = _bases(recipe, sizes, shares)
    of_classes = {name: _class_wants(sizes[name], base, shares) for name, base in bases.items()}
    wanted = {}
    for (name, finding), total in totals.items():
        parts = of_classes[name] if sizes[name].limited else shares
        wanted[name, finding] = (
            [round(HUNDREDTHS * total * part / sum(parts)) for part in parts]
            if finding
            else [HUNDREDTHS * units for units in of_classes[name]]
        )
    return wanted


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
