"""The units that classes are counted in, by kind, and the most that a class and split can have."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cxr_duck.datasets.allocation.allocate import Cell
from cxr_duck.datasets.allocation.rounding import largest_remainder
from cxr_duck.datasets.allocation.targets import is_finding, kept_sizes, smallest_class
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.errors import RecipeError

__all__ = [
    "Kind",
    "Quotas",
    "Targets",
    "class_units",
    "led_by",
    "most_units",
    "refuse_empty",
    "told",
]

Targets = dict[tuple[str, str], int]  # (class, split): units


@dataclass(frozen=True)
class Kind:
    """The units of one kind in one split: the cells that each counts in, and how many there are."""

    cells: tuple[Cell, ...]
    split: str
    units: int

    @property
    def classes(self) -> list[str]:
        """The classes that each unit belongs to."""
        return sorted({cell[0] for cell in self.cells})

    @property
    def findings(self) -> list[Cell]:
        """The cells that are findings."""
        return [cell for cell in self.cells if is_finding(cell)]


@dataclass
class Quotas:
    """Units that stay, in the order of the kinds, and in every (class, split)."""

    units: list[int]
    targets: Targets = field(default_factory=dict)


def class_units(kinds: Sequence[Kind], units: Sequence[int]) -> Targets:
    """Return the units of each (class, split)."""
    found: Targets = {}
    for kind, count in zip(kinds, units, strict=True):
        for name in kind.classes:
            found[name, kind.split] = found.get((name, kind.split), 0) + count
    return found


def refuse_empty(recipe: Recipe, targets: Targets, available: Targets) -> None:
    """Raise RecipeError, with what there is, where a class would have nothing in a split."""
    if all(targets.get((name, split)) for name in recipe.classes for split in recipe.shares):
        return
    raise RecipeError(
        f"the classes have too few patients to fill every split in the ratio asked for, in "
        f"{recipe.units} ({told(recipe, available)}): take broader terms or fewer conditions"
    )


def told(recipe: Recipe, targets: Targets) -> str:
    """Return the units of every class in every split, for the sentence of an error."""
    return "; ".join(
        f"{name}: "
        + ", ".join(f"{targets.get((name, split), 0):,} {split}" for split in recipe.shares)
        for name in recipe.classes
    )


def most_units(recipe: Recipe, available: Targets, fits: Callable[[Targets], bool]) -> Targets:
    """Return the largest units a (class, split), in the recipe's ratio and shares, that fit.

    Splits parted by dates have no shares: each is as large as it can be.
    """
    if recipe.by_date:
        targets: Targets = {}
        for split in recipe.shares:
            sizes = {name: available.get((name, split), 0) for name in recipe.classes}
            smallest = smallest_class(recipe, sizes)
            for units in range(sizes[smallest], -1, -1):
                kept = kept_sizes(recipe, units, smallest)
                part = {(name, split): count for name, count in kept.items()}
                if fits(part):
                    break
            targets |= part
        return targets
    shares = list(recipe.shares.values())
    sizes = {
        name: sum(available.get((name, split), 0) for split in recipe.shares)
        for name in recipe.classes
    }
    smallest = smallest_class(recipe, sizes)
    for units in range(sizes[smallest], -1, -1):
        targets = {
            (name, split): part
            for name, count in kept_sizes(recipe, units, smallest).items()
            for split, part in zip(recipe.shares, largest_remainder(count, shares), strict=True)
        }
        if fits(targets):
            break
    return targets


def led_by(kinds: Sequence[Kind]) -> dict[tuple[Cell, str], list[tuple[int, Kind]]]:
    """Return the kinds, with their places, by the rarest finding of each and the split."""
    totals: dict[Cell, int] = {}
    for kind in kinds:
        for cell in kind.findings:
            totals[cell] = totals.get(cell, 0) + kind.units
    groups: dict[tuple[Cell, str], list[tuple[int, Kind]]] = {}
    for number, kind in enumerate(kinds):
        lead = min(kind.findings, key=lambda cell: (totals[cell], cell))
        groups.setdefault((lead, kind.split), []).append((number, kind))
    return groups
