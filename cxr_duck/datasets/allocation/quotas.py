"""How many units of each kind stay in each split, so that the classes have their ratio.

Units of a kind, that is with the same findings in the same classes, are exchangeable. Where each
kind has one class, a class's units are drawn in each split like a sample that keeps the shares of
its findings: the same fair allocation as that of patients to splits, with two sides, kept and left
out. Each unit of a class and split has the same chance to stay. Where units have several classes,
see `shared_quotas.py`; where classes match, `matching.py`.
"""

from collections.abc import Sequence
from dataclasses import replace

from cxr_duck.datasets.allocation.allocate import (
    HUNDREDTHS,
    Cell,
    Cells,
    Signature,
    allocate,
)
from cxr_duck.datasets.allocation.chance import Chance
from cxr_duck.datasets.allocation.matching import matched_quotas
from cxr_duck.datasets.allocation.shared_quotas import refuse_shared, shared_quotas
from cxr_duck.datasets.allocation.units import (
    Kind,
    Quotas,
    Targets,
    class_units,
    led_by,
    most_units,
    refuse_empty,
)
from cxr_duck.datasets.recipes.recipe import Recipe

__all__ = ["choose_quotas"]


def choose_quotas(recipe: Recipe, kinds: Sequence[Kind]) -> Quotas:
    """Return how many units of each kind stay; RecipeError where a split would be left empty."""
    available = class_units(kinds, [kind.units for kind in kinds])
    refuse_empty(recipe, available, available)
    if any(len(kind.classes) > 1 for kind in kinds):
        refuse_shared(recipe)
        if recipe.balance != "none":
            return shared_quotas(recipe, kinds, available)
    if recipe.match:
        return matched_quotas(recipe, kinds)
    if recipe.findings == "equal":
        return _equal_findings(recipe, kinds, available)
    if recipe.balance == "none":
        return Quotas([kind.units for kind in kinds], available)

    def fits(wanted: Targets) -> bool:
        return all(units <= available.get(place, 0) for place, units in wanted.items())

    targets = most_units(recipe, available, fits)
    refuse_empty(recipe, targets, available)
    units = [0] * len(kinds)
    for (name, split), target in targets.items():
        places = [p for p, k in enumerate(kinds) if k.split == split and k.classes == [name]]
        chance = Chance(recipe.seed, f"balance|{name}|{split}")
        for place, kept in zip(
            places, _sample([kinds[p] for p in places], target, chance), strict=True
        ):
            units[place] = kept
    return Quotas(units, targets)


def _sample(kinds: Sequence[Kind], target: int, chance: Chance) -> list[int]:
    """Return the units of each kind of one class and split that stay, so many in all.

    Every finding keeps its share of the class, as near as whole units allow.
    """
    total = sum(kind.units for kind in kinds)
    if total == target:
        return [kind.units for kind in kinds]
    if not target:
        return [0] * len(kinds)
    whole: Cell = (kinds[0].cells[0][0], "")
    totals: dict[Cell, int] = {whole: total}
    for kind in kinds:
        for cell in kind.cells:
            totals[cell] = totals.get(cell, 0) + kind.units
    wanted = {}
    for cell, units in totals.items():
        kept = round(HUNDREDTHS * units * target / total)
        wanted[cell] = [kept, HUNDREDTHS * units - kept]
    signatures = [
        Signature(kind.units, {**dict.fromkeys(kind.cells, 1), whole: 1}, (target, total - target))
        for kind in kinds
    ]
    return [int(kept) for kept in allocate(Cells.of(signatures, wanted), chance).patients[:, 0]]


def _equal_findings(recipe: Recipe, kinds: Sequence[Kind], available: Targets) -> Quotas:
    """Return quotas with which the findings of a class have the same number of units.

    A unit with several findings of its class counts for the rarest of them, and among the units
    that count for a finding each has the same chance to stay.
    """
    groups = led_by(kinds)
    chance = Chance(recipe.seed, "findings")
    sizes = {place: sum(kind.units for _, kind in led) for place, led in groups.items()}
    leads: dict[str, set[Cell]] = {}
    for cell, _ in groups:
        leads.setdefault(cell[0], set()).add(cell)
    names = sorted({cell for cell, _ in groups})
    ties = dict(zip(names, chance.order(len(names)).tolist(), strict=True))

    def parts(targets: Targets) -> dict[tuple[Cell, str], int]:
        """Part each target; what doesn't divide goes to findings that had the least so far.

        Of those that had as much chance decides.
        """
        found: dict[tuple[Cell, str], int] = {}
        more: dict[Cell, int] = {}
        for (name, split), units in targets.items():
            each, left = divmod(units, len(leads[name]))
            order = sorted(
                (sizes.get((cell, split), 0) <= each, more.get(cell, 0), ties[cell], cell)
                for cell in leads[name]
            )
            for place, (_, before, _, cell) in enumerate(order):
                found[cell, split] = each + (place < left)
                more[cell] = before + (place < left)
        return found

    def fits(targets: Targets) -> bool:
        return all(part <= sizes.get(place, 0) for place, part in parts(targets).items())

    at_most = {
        (name, split): len(leads[name])
        * (1 + min(sizes.get((cell, split), 0) for cell in leads[name]))
        for name, split in available
    }

    if recipe.balance == "none":
        targets: Targets = {}
        for name in recipe.classes:
            targets |= most_units(replace(recipe, classes={name: []}), at_most, fits)
    else:
        targets = most_units(recipe, at_most, fits)
    refuse_empty(recipe, targets, available)
    units = [0] * len(kinds)
    for place, part in parts(targets).items():
        led = groups.get(place, [])
        drawn = chance.sample([kind.units for _, kind in led], part)
        for (number, _), kept in zip(led, drawn, strict=True):
            units[number] = kept
    return Quotas(units, targets)
