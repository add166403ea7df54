"""Quotas where units belong to several classes at once: what stays, stays in all of them."""

from collections.abc import Iterator, Sequence
from typing import Any

from cxr_duck.allocation import largest_remainder
from cxr_duck.errors import RecipeError
from cxr_duck.quotas import Kind, Quotas, Targets, refuse_empty
from cxr_duck.recipe import Recipe
from cxr_duck.solver import quiet_solver, solution_of

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
    units: list[int] | None = None
    for kept in _sizes(recipe, most):
        targets = {(name, split): parts[name] * kept[split] for name in parts for split in kept}
        refuse_empty(recipe, targets, available)
        units = _all_kept(recipe, kinds, targets, available)
        if units is not None:
            break
    if units is None:
        raise RecipeError(
            f"the classes share so many {recipe.units} that they can't have their ratio "
            f"({_told(recipe, available)}): take balance = none, or overlap = drop or first"
        )
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
    recipe: Recipe, kinds: Sequence[Kind], targets: Targets, available: Targets
) -> list[int] | None:
    """Return the units of each kind that stay, None where a split can't have its targets."""
    units = [0] * len(kinds)
    for split in recipe.shares:
        places = [place for place, kind in enumerate(kinds) if kind.split == split]
        wanted = {name: targets[name, split] for name in recipe.classes}
        parts = {name: wanted[name] / available[name, split] for name in recipe.classes}
        chosen = _kept_units([kinds[place] for place in places], wanted, parts)
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


def _kept_units(
    kinds: Sequence[Kind], wanted: dict[str, int], parts: dict[str, float]
) -> list[int] | None:
    """Return the units of each kind of one split that stay; None where classes can't be as wanted.

    They are as many in all as there can be, and then findings keep their part of their class.
    """
    solver, columns = _program(kinds)
    for name, target in wanted.items():
        solver.addConstr(sum(_of_class(name, kinds, columns)) == target)
    solver.maximize(sum(columns))
    kept = _solution(solver, kinds)
    if kept is None:
        return None
    solver.addConstr(sum(columns) == sum(kept))
    distances = []
    for cell in sorted({cell for kind in kinds for cell in kind.cells}):
        terms = [c for kind, c in zip(kinds, columns, strict=True) if cell in kind.cells]
        there = sum(kind.units for kind in kinds if cell in kind.cells)
        away = solver.addVariable(0.0, float(there))
        solver.addConstr(sum(terms) - away <= there * parts[cell[0]])
        solver.addConstr(sum(terms) + away >= there * parts[cell[0]])
        distances.append(away / there)
    solver.minimize(sum(distances))
    return _solution(solver, kinds) or kept


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


def _refuse_same(
    recipe: Recipe, kinds: Sequence[Kind], units: Sequence[int], available: Targets
) -> None:
    """Raise RecipeError where what stays of two classes is the same."""
    stays = [kind for kind, count in zip(kinds, units, strict=True) if count]
    names = list(recipe.classes)
    for place, name in enumerate(names):
        for other in names[place + 1 :]:
            if all((name in kind.classes) == (other in kind.classes) for kind in stays):
                raise RecipeError(
                    f"the classes {name!r} and {other!r} can only have their ratio where both are "
                    f"the same {recipe.units} ({_told(recipe, available)}): take balance = none, "
                    "or overlap = drop or first"
                )
