"""Quotas where units belong to several classes at once: what stays, stays in all of them.

The solver says how large the classes can be. Which units stay is a fair draw: the chance of a unit
is a product of one number a class, at most 1, so that the classes come to their sizes (raking, or
iterative proportional fitting; Deming and Stephan, 1940). Of all ways to reach the sizes that one
is nearest to an equal chance for every unit.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from cxr_duck.datasets.allocation.allocate import (
    HUNDREDTHS,
    Cell,
    Cells,
    Numbers,
    Signature,
    allocate,
)
from cxr_duck.datasets.allocation.chance import Chance
from cxr_duck.datasets.allocation.rounding import largest_remainder
from cxr_duck.datasets.allocation.solver import quiet_solver, solution_of
from cxr_duck.datasets.allocation.units import Kind, Quotas, Targets, refuse_empty
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.errors import RecipeError

__all__ = ["refuse_shared", "shared_quotas"]

_PARTS = 1_000_000  # that a chance is told in
_ROUNDS = 200  # of the raking, at most
_DRAWS = 20  # at most, until classes aren't the same units by chance


def refuse_shared(recipe: Recipe) -> None:
    """Raise RecipeError where a recipe asks what classes that share units can't have."""
    requested = {
        "findings = equal": recipe.findings == "equal",
        "match": bool(recipe.match),
        "size": bool(recipe.size),
    }
    if words := [word for word, is_asked in requested.items() if is_asked]:
        raise RecipeError(
            f"{words[0]} needs classes that share no {recipe.units}: take overlap = drop or first"
        )


def shared_quotas(recipe: Recipe, kinds: Sequence[Kind], available: Targets) -> Quotas:
    """Return quotas of the largest classes that have their ratio in every split, drawn fairly.

    A ratio is exact in every split here. Raises RecipeError where it leaves a split empty, or
    classes of the same units.
    """
    parts = recipe.ratio or dict.fromkeys(recipe.classes, 1)
    most = {
        split: _most(recipe, parts, [k for k in kinds if k.split == split])
        for split in recipe.shares
    }
    units: list[int] | None = None
    for kept in _sizes(recipe, most):
        targets = {(name, split): parts[name] * kept[split] for name in parts for split in kept}
        refuse_empty(recipe, targets, available)
        units = _all_kept(recipe, kinds, targets)
        if units is not None:
            break
    if units is None:
        raise RecipeError(
            f"the classes share so many {recipe.units} that they can't have their ratio "
            f"({_told(recipe, available)}): take balance = none, or overlap = drop or first"
        )
    for draw in range(1, _DRAWS):
        if _same_classes(recipe, kinds, units) is None:
            break
        units = _all_kept(recipe, kinds, targets, draw) or units
    _refuse_same(recipe, kinds, units, available)
    return Quotas(units, targets)


def _sizes(recipe: Recipe, most: dict[str, int]) -> Iterator[dict[str, int]]:
    """Yield sizes of the splits, the largest first; by their shares, unless dates part them."""
    if recipe.by_date:
        for less in range(max(most.values()) + 1):
            yield {split: max(size - less, 0) for split, size in most.items()}
        return
    shares = list(recipe.shares.values())
    for total in range(sum(most.values()), -1, -1):
        sizes = dict(zip(recipe.shares, largest_remainder(total, shares), strict=True))
        if all(size <= most[split] for split, size in sizes.items()):
            yield sizes


def _all_kept(
    recipe: Recipe, kinds: Sequence[Kind], targets: Targets, draw: int = 0
) -> list[int] | None:
    """Return the units of each kind that stay, None where a split can't have its targets."""
    units = [0] * len(kinds)
    for split in recipe.shares:
        places = [place for place, kind in enumerate(kinds) if kind.split == split]
        wanted = {name: targets[name, split] for name in recipe.classes}
        chance = Chance(recipe.seed, f"shared|{split}" + (f"|{draw}" if draw else ""))
        chosen = _kept_units([kinds[place] for place in places], wanted, chance)
        if chosen is None:
            return None
        for place, count in zip(places, chosen, strict=True):
            units[place] = count
    return units


def _most(recipe: Recipe, parts: dict[str, int], kinds: Sequence[Kind]) -> int:
    """Return the largest number for which each class can have its part times that many units."""
    solver, columns = _program(kinds)
    scale = solver.addIntegral(0.0, float(sum(kind.units for kind in kinds)), 1.0)
    for name in recipe.classes:
        solver.addConstr(sum(_of_class(name, kinds, columns)) - parts[name] * scale == 0)
    solver.maximize(scale)
    values = solution_of(solver)
    if values is None or solver.getModelStatus().name != "kOptimal":
        raise RecipeError(
            "the classes share images in too many ways for the largest sizes to be found: take "
            "fewer classes, balance = none, or overlap = drop or first"
        )
    return round(float(values[len(kinds)]))


def _kept_units(kinds: Sequence[Kind], wanted: dict[str, int], chance: Chance) -> list[int] | None:
    """Return the units of each kind of one split that stay; None where classes can't be as wanted.

    Findings keep their part of their class, as near as the classes' sizes allow.
    """
    totals: dict[Cell, int] = {}
    signatures = []
    for kind, part in zip(kinds, _raked(kinds, wanted).tolist(), strict=True):
        units = dict.fromkeys([*((name, "") for name in kind.classes), *kind.cells], 1)
        kept = max(1, round(_PARTS * part))
        signatures.append(Signature(kind.units, units, (kept, max(1, _PARTS - kept))))
        for cell in units:
            totals[cell] = totals.get(cell, 0) + kind.units
    targets = {}
    for cell, total in totals.items():
        kept = round(HUNDREDTHS * total * wanted[cell[0]] / totals[cell[0], ""])
        targets[cell] = [kept, HUNDREDTHS * total - kept]
    found = allocate(Cells.of(signatures, targets), chance)
    if found.exact:
        return [int(kept) for kept in found.patients[:, 0]]
    return _solved(kinds, wanted, chance)


def _raked(kinds: Sequence[Kind], wanted: dict[str, int]) -> Numbers:
    """Return the chance of the units of each kind to stay, so that classes come to their sizes."""
    units = np.array([float(kind.units) for kind in kinds])
    belongs = np.array([[name in kind.classes for name in wanted] for kind in kinds])
    factors = np.ones(len(wanted))
    for _ in range(_ROUNDS):
        before = factors.copy()
        for place, target in enumerate(wanted.values()):
            others = np.where(np.arange(len(wanted)) == place, 1.0, factors)
            parts = np.prod(np.where(belongs, others, 1.0), axis=1)[belongs[:, place]]
            factors[place] = _factor(units[belongs[:, place]], parts, target)
        if np.allclose(factors, before, rtol=1e-9, atol=0.0):
            break
    chances: Numbers = np.minimum(np.prod(np.where(belongs, factors, 1.0), axis=1), 1.0)
    return chances


def _factor(units: Numbers, parts: Numbers, target: float) -> float:
    """Return what parts are multiplied by so that units times them, at most 1, add up to a target.

    Where all units are too few it is what makes every part 1.
    """
    order = np.argsort(-parts, kind="stable")
    units, parts = units[order], parts[order]
    # The first ones are whole, of the others each has its part times the factor.
    whole = np.concatenate([[0.0], np.cumsum(units)])[:-1]
    rest = np.cumsum((units * parts)[::-1])[::-1]
    factors = (target - whole) / rest
    fits = np.flatnonzero(factors * parts <= 1.0)
    return float(max(factors[fits[0]], 1e-12)) if len(fits) else float(1.0 / parts.min())


def _solved(kinds: Sequence[Kind], wanted: dict[str, int], chance: Chance) -> list[int] | None:
    """Return units that stay as the solver finds them, of equal ones by chance; None if none do."""
    solver, columns = _program(kinds)
    for name, target in wanted.items():
        solver.addConstr(sum(_of_class(name, kinds, columns)) == target)
    costs = chance.uniforms(len(columns))
    solver.minimize(sum(cost * column for cost, column in zip(costs, columns, strict=True)))
    return _solution(solver, kinds)


def _of_class(name: str, kinds: Sequence[Kind], columns: list[Any]) -> list[Any]:
    return [column for kind, column in zip(kinds, columns, strict=True) if name in kind.classes]


def _solution(solver: Any, kinds: Sequence[Kind]) -> list[int] | None:
    """Return the units of each kind in the solver's solution, None where it found none."""
    values = solution_of(solver)
    return None if values is None else [round(value) for value in values[: len(kinds)]]


def _program(kinds: Sequence[Kind]) -> tuple[Any, list[Any]]:
    """Return a solver and its whole-numbered columns: the units of each kind that stay."""
    solver = quiet_solver()
    return solver, [solver.addIntegral(0.0, float(kind.units), 0.0) for kind in kinds]


def _told(recipe: Recipe, available: Targets) -> str:
    return "; ".join(
        f"{name}: {sum(available.get((name, split), 0) for split in recipe.shares):,}"
        for name in recipe.classes
    )


def _same_classes(
    recipe: Recipe, kinds: Sequence[Kind], units: Sequence[int]
) -> tuple[str, str] | None:
    """Return two classes of which the same units stay, None where there are none."""
    stays = [kind for kind, count in zip(kinds, units, strict=True) if count]
    names = list(recipe.classes)
    for place, name in enumerate(names):
        for other in names[place + 1 :]:
            if all((name in kind.classes) == (other in kind.classes) for kind in stays):
                return name, other
    return None


def _refuse_same(
    recipe: Recipe, kinds: Sequence[Kind], units: Sequence[int], available: Targets
) -> None:
    """Raise RecipeError where what stays of two classes is the same."""
    if same := _same_classes(recipe, kinds, units):
        raise RecipeError(
            f"the classes {same[0]!r} and {same[1]!r} can only have their ratio where both are the "
            f"same {recipe.units} ({_told(recipe, available)}): take balance = none, or overlap = "
            "drop or first"
        )
