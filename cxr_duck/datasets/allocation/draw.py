"""Draws the allocation of patients to splits for a recipe."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cxr_duck.datasets.allocation.allocate import (
    HUNDREDTHS,
    Allocation,
    Cells,
    Numbers,
    Signature,
    allocate,
    reach_of,
)
from cxr_duck.datasets.allocation.chance import Chance
from cxr_duck.datasets.allocation.largest_classes import Needs, Sizes, enlarged
from cxr_duck.datasets.allocation.matching import SCARCE, fewest_sets, partnered, scarce_units
from cxr_duck.datasets.allocation.rounding import largest_remainder
from cxr_duck.datasets.allocation.targets import (
    Patients,
    is_combination,
    kept_sizes,
    largest_size,
    signatures_of,
    wanted_units,
)
from cxr_duck.datasets.recipes.recipe import Recipe

__all__ = ["Drawn", "draw"]


_DRAWS = 10  # at most, of classes that match, where a split would be left empty


@dataclass(frozen=True)
class Drawn:
    """The patients of each signature in each split, (signature, split).

    No signature is further than `reach` patients from its share. `largest` tells that no other
    allocation keeps more when the classes are made equal, or come to their ratio.
    """

    patients: Numbers = field(repr=False)
    reach: int
    largest: bool


def draw(recipe: Recipe, patients: Sequence[Patients]) -> Drawn:
    """Draw how many patients go to each split, as the recipe's seed has it."""
    chance = Chance(recipe.seed, "allocation")
    plain = [_without_combinations(same) for same in patients]
    wanted = wanted_units(recipe, plain)
    signatures = signatures_of(recipe, plain, wanted)
    if recipe.match:
        return _matching(recipe, patients, signatures, wanted, chance)
    cells = Cells.of(signatures, wanted)
    found = allocate(cells, chance)
    if recipe.balance == "none" or recipe.overlap == "keep" or recipe.findings == "equal":
        # How large classes get is decided elsewhere: here each has a unit in every split, if any.
        found, _ = enlarged(cells, found, _a_unit_each(recipe), 1, chance)
        return Drawn(found.patients, found.reach, largest=False)
    smallest, most = largest_size(recipe, plain)
    shares = list(recipe.shares.values())

    def sizes(size: int) -> Needs:
        kept = kept_sizes(recipe, size, smallest)
        return {name: largest_remainder(units, shares) for name, units in kept.items()}

    found, largest = enlarged(cells, found, sizes, most, chance)
    return Drawn(found.patients, found.reach, largest)


def _a_unit_each(recipe: Recipe) -> Sizes:
    return lambda size: dict.fromkeys(recipe.classes, [size] * len(recipe.shares))


def _without_combinations(same: Patients) -> Patients:
    units = {cell: count for cell, count in same.units.items() if not is_combination(cell)}
    return replace(same, units=units)


def _matching(
    recipe: Recipe,
    patients: Sequence[Patients],
    signatures: Sequence[Signature],
    wanted: dict[tuple[str, ...], list[int]],
    chance: Chance,
) -> Drawn:
    """Draw for classes that match: the units that decide how many stay have exact shares."""
    combinations = [
        min((cell[2] for cell in same.units if is_combination(cell)), default="")
        for same in patients
    ]
    places = {combination: place for place, combination in enumerate(sorted(set(combinations)))}
    combined = [
        replace(signature, units=same.units, place=places[combination])
        for signature, same, combination in zip(signatures, patients, combinations, strict=True)
    ]
    scarce = scarce_units(recipe, combined)
    shares = list(recipe.shares.values())
    if not any(same.limit for same in patients):
        total = sum(units * same.number for units, same in zip(scarce, patients, strict=True))
        wanted = wanted | {
            SCARCE: [HUNDREDTHS * units for units in largest_remainder(total, shares)]
        }
    cells = Cells.of(
        [
            replace(signature, units={**signature.units, SCARCE: units})
            for signature, units in zip(combined, scarce, strict=True)
        ],
        wanted,
    )
    for _ in range(_DRAWS):
        found: Allocation = allocate(cells, chance)
        allocated = partnered(recipe, cells, combined, found.patients)
        if fewest_sets(recipe, combined, allocated):
            break
    return Drawn(allocated, reach_of(cells, allocated), largest=False)
