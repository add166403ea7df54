"""Quotas where units belong to several classes at once: what stays, stays in all of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cxr_duck.allocation import largest_remainder
from cxr_duck.errors import RecipeError
from cxr_duck.quotas import Kind, Quotas, Targets, class_units, refuse_empty
from cxr_duck.recipe import Recipe
from cxr_duck.solver import quiet_solver

__all__ = ["shared_quotas"]


def shared_quotas(recipe: Recipe, kinds: Sequence[Kind], available: Targets) -> Quotas:
    """Return the quotas that keep the most units while classes keep their ratio in every split.

    A ratio is exact in every split here. Raises RecipeError where it leaves a split empty, or
    classes of the same units.
    """
    if recipe.findings == "equal":
        raise RecipeError(
            "findings = equal needs classes that share no images: take overlap = drop or first"
        )
    parts = recipe.ratio or dict.fromkeys(recipe.classes, 1)
    most = {
        split: _most(recipe, parts, [k for k in kinds if k.split == split])
        for split in recipe.shares
    }
    if recipe.by_date:
        kept = most
    else:
        shares = list(recipe.shares.values())
        total = sum(most.values())
        while any(
            part > most[split]
            for split, part in zip(recipe.shares, largest_remainder(total, shares), strict=True)
        ):
            total -= 1
        kept = dict(zip(recipe.shares, largest_remainder(total, shares), strict=True))
    targets = {(name, split): parts[name] * kept[split] for name in parts for split in kept}
    refuse_empty(recipe, targets, available)
    units = [0] * len(kinds)
    for split in recipe.shares:
        places = [place for place, kind in enumerate(kinds) if kind.split == split]
        chosen = _kept_units(targets, [kinds[place] for place in places])
        for place, count in zip(places, chosen, strict=True):
            units[place] = count
    _refuse_same(recipe, kinds, units)
    assert class_units(kinds, units) == targets
    return Quotas(units, targets)


def _most(recipe: Recipe, parts: dict[str, int], kinds: Sequence[Kind]) -> int:
    """Return the largest number for which each class can have its part times that many units."""
    solver, columns = _program(kinds)
    scale = solver.addIntegral(0.0, float(sum(kind.units for kind in kinds)), 1.0)
    for name in recipe.classes:
        terms = [
            column for kind, column in zip(kinds, columns, strict=True) if name in kind.classes
        ]
        solver.addConstr(sum(terms) - parts[name] * scale == 0)
    solver.maximize(scale)
    found: float = solver.getObjectiveValue()
    return round(found)


def _kept_units(targets: Targets, kinds: Sequence[Kind]) -> list[int]:
    """Return the units of each kind of one split that stay, as many in all as there can be."""
    solver, columns = _program(kinds)
    for (name, split), target in targets.items():
        if kinds and split == kinds[0].split:
            terms = [c for kind, c in zip(kinds, columns, strict=True) if name in kind.classes]
            solver.addConstr(sum(terms) == target)
    solver.maximize(sum(columns))
    return [round(value) for value in np.array(solver.getSolution().col_value)[: len(kinds)]]


def _program(kinds: Sequence[Kind]) -> tuple[Any, list[Any]]:
    """Return a solver and its whole-numbered columns: the units of each kind that stay."""
    solver = quiet_solver()
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("mip_rel_gap", 0.0)
    return solver, [solver.addIntegral(0.0, float(kind.units), 0.0) for kind in kinds]


def _refuse_same(recipe: Recipe, kinds: Sequence[Kind], units: Sequence[int]) -> None:
    """Raise RecipeError where what stays of two classes is the same."""
    stays = [kind for kind, count in zip(kinds, units, strict=True) if count]
    names = list(recipe.classes)
    for place, name in enumerate(names):
        for other in names[place + 1 :]:
            if all((name in kind.classes) == (other in kind.classes) for kind in stays):
                raise RecipeError(
                    f"the classes {name!r} and {other!r} can only have their ratio where both are "
                    "the same images: take balance = none, or overlap = drop or first"
                )
