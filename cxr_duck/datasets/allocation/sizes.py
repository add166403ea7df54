"""Cuts a dataset down to its recipe's size; a smaller size lies within a larger one."""

from collections.abc import Sequence
from math import gcd

from cxr_duck.datasets.allocation.allocate import Cell
from cxr_duck.datasets.allocation.targets import is_combination
from cxr_duck.datasets.allocation.units import Kind, Targets, class_units, led_by, told
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.engines.engine import Engine
from cxr_duck.errors import RecipeError

__all__ = ["select_size", "sized_targets"]

_ROWS = (
    "kind INTEGER[], split VARCHAR, class VARCHAR, grouped VARCHAR, width BIGINT, together BIGINT"
)


def select_size(
    engine: Engine, recipe: Recipe, quotas: Sequence[tuple[list[int], str, int]],
    cells: dict[int, Cell],
) -> None:  # fmt: skip
    """Make sized_selection: the units that stay, at most the recipe's size of each class.

    Raises RecipeError where a size is too small for every split to have some of every class.
    """
    if not recipe.size:
        engine.create("sized_selection", "SELECT unit_id, split FROM selection")
        return
    kinds = [Kind(tuple(cells[cell] for cell in kind), split, n) for kind, split, n in quotas]
    targets = sized_targets(recipe, class_units(kinds, [kind.units for kind in kinds]))
    _refuse_empty(recipe, targets)
    groups = _groups(recipe, kinds, engine.rows("kind_counts"), cells)
    widths: dict[tuple[str, str, str], int] = {}
    for kind, group in zip(kinds, groups, strict=True):
        key = kind.split, kind.classes[0], group
        widths[key] = widths.get(key, 0) + kind.units
    together = _set_parts(recipe)
    rows = []
    for (numbers, split, _), kind, group in zip(quotas, kinds, groups, strict=True):
        name = kind.classes[0]
        count = together[name]
        # Findings that are equal take turns; other groups have their share of every beginning.
        width = 1 if recipe.findings == "equal" else widths[split, name, group] // count
        rows.append((numbers, split, name, group, width, count))
    engine.put("kind_rows", _ROWS, rows)
    engine.put(
        "size_limits",
        "class VARCHAR, split VARCHAR, units BIGINT",
        [(name, split, units) for (name, split), units in targets.items()],
    )
    engine.make("sized_selection", seed=recipe.seed)


def _refuse_empty(recipe: Recipe, targets: Targets) -> None:
    if all(targets.get((name, split)) for name in recipe.classes for split in recipe.shares):
        return
    raise RecipeError(
        f"the size is too small for every split to have {recipe.units} of every class "
        f"({told(recipe, targets)}): take a larger one"
    )


def _groups(
    recipe: Recipe, kinds: Sequence[Kind], counts: Sequence[tuple[list[int], str, int]],
    cells: dict[int, Cell],
) -> list[str]:  # fmt: skip
    """Return the group of each kind: its combination, or the rarest finding that it shows.

    `counts` are those of all kinds before they were cut down, which tell what is rare.
    """
    if recipe.match:
        return [next(cell[2] for cell in kind.cells if is_combination(cell)) for kind in kinds]
    every = [Kind(tuple(cells[cell] for cell in kind), split, n) for kind, split, n in counts]
    groups = {
        kind.cells: f"{cell[0]}|{cell[1]}"
        for (cell, _), led in led_by(every).items()
        for _, kind in led
    }
    return [groups[kind.cells] for kind in kinds]


def sized_targets(recipe: Recipe, targets: Targets) -> Targets:
    """Return the units of each (class, split) that stay where the recipe has a size.

    A size of all splits is parted by their shares; one of a split holds for that split alone. The
    ratio of the classes stays, and the largest of them has at most so many. Where classes match
    whole sets stay, of as many units of each class as is its part.
    """
    if not recipe.size:
        return targets
    if "" in recipe.size:
        return _sized_in_all(recipe, targets, recipe.size[""])
    sized = dict(targets)
    for split, size in recipe.size.items():
        there = {name: targets.get((name, split), 0) for name in recipe.classes}
        for name, units in _sized(recipe, there, size).items():
            sized[name, split] = units
    return sized


def _sized_in_all(recipe: Recipe, targets: Targets, size: int) -> Targets:
    shares = list(recipe.shares.values())
    parts = _set_parts(recipe)
    most = {
        name: [targets.get((name, split), 0) // parts[name] for split in recipe.shares]
        for name in recipe.classes
    }
    sizes = _sized(recipe, {name: parts[name] * sum(most[name]) for name in most}, size)
    return {
        (name, split): parts[name] * units
        for name, total in sizes.items()
        for split, units in zip(
            recipe.shares, _parted(total // parts[name], shares, most[name]), strict=True
        )
    }


def _parted(total: int, shares: Sequence[int], most: Sequence[int]) -> list[int]:
    """Part a total by shares, no split above its most, so that a smaller total lies within.

    The units come one by one, each to the split that lacks most (largest remainder would at times
    take one away again). After each full round of the shares all splits have theirs exactly.
    """
    whole = sum(shares)
    rounds = total // (whole // gcd(*shares))
    parts = [rounds * (share // gcd(*shares)) for share in shares]
    for number in range(sum(parts), total):
        room = [split for split in range(len(shares)) if parts[split] < most[split]]
        if not room:
            break
        lacking = {split: (number + 1) * shares[split] - parts[split] * whole for split in room}
        parts[max(room, key=lambda split: (lacking[split], -split))] += 1
    return parts


def _set_parts(recipe: Recipe) -> dict[str, int]:
    """Return how many units of each class stay together: one, or a set's where classes match."""
    return recipe.ratio if recipe.match and recipe.ratio else dict.fromkeys(recipe.classes, 1)


def _sized(recipe: Recipe, units: dict[str, int], size: int) -> dict[str, int]:
    """Return the units of each class, in the ratio of the classes, none above a size."""
    if recipe.balance == "none":
        return {name: min(count, size) for name, count in units.items()}
    if max(units.values()) <= size:
        return units
    parts = recipe.ratio or dict.fromkeys(recipe.classes, 1)
    largest = max(parts.values())
    if recipe.match:
        return {name: min(units[name], size // largest * part) for name, part in parts.items()}
    return {name: min(units[name], size * part // largest) for name, part in parts.items()}
