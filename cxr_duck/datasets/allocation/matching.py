"""Matched classes: as many units of each in every combination of some columns, in every split.

This is frequency matching, or coarsened exact matching (Iacus, King and Porro, Political Analysis
2012): what a class has too many of in a combination is left out, by chance. In each combination the
class that has least, for its part of the ratio, decides. So that few are left out for want of a
partner in their split, patients of one unit of the other classes change places: one goes where his
combination is wanting, and one of the same findings who isn't needed there comes back.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from cxr_duck.datasets.allocation.allocate import Cell, Cells, Numbers, Signature
from cxr_duck.datasets.allocation.chance import Chance
from cxr_duck.datasets.allocation.rounding import largest_remainder
from cxr_duck.datasets.allocation.targets import is_combination
from cxr_duck.datasets.allocation.units import Kind, Quotas, Targets
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.errors import RecipeError

__all__ = ["SCARCE", "fewest_sets", "matched_quotas", "partnered", "parts_of", "scarce_units"]

SCARCE: Cell = ("", "")  # the units that decide how many stay, of whatever class
_WIDER = 1  # patients by which a signature may be away from its share, besides

_Rows = npt.NDArray[np.int64]
_Mask = npt.NDArray[np.bool_]
Counts = dict[str, dict[str, int]]  # units by combination and class


def parts_of(recipe: Recipe) -> dict[str, int]:
    """Return the part of each class in the ratio of the classes."""
    return recipe.ratio or dict.fromkeys(recipe.classes, 1)


def combinations_of(kinds: Sequence[Kind], split: str) -> Counts:
    """Return the units of a split by combination and class."""
    counts: Counts = {}
    for kind in kinds:
        if kind.split == split:
            of_class = counts.setdefault(_combination(kind.cells)[2], {})
            name = kind.classes[0]
            of_class[name] = of_class.get(name, 0) + kind.units
    return counts


def _combination(cells: Sequence[Cell]) -> Cell:
    return next(cell for cell in cells if is_combination(cell))


def matched_quotas(recipe: Recipe, kinds: Sequence[Kind]) -> Quotas:
    """Return quotas with which classes match in every split; RecipeError where one is left empty.

    Splits have their shares of the largest size for which each has partners enough; those that
    dates part are as large as they can be.
    """
    parts = parts_of(recipe)
    chance = Chance(recipe.seed, "match")
    sets = {}  # of a unit a class, or so many as is its part, by split and combination
    for split in recipe.shares:
        counts = combinations_of(kinds, split)
        sets[split] = {
            combination: min(units.get(name, 0) // part for name, part in parts.items())
            for combination, units in sorted(counts.items())
        }
    sizes = _sizes(recipe, {split: sum(found.values()) for split, found in sets.items()})
    targets: Targets = {
        (name, split): part * sizes[split]
        for name, part in parts.items()
        for split in recipe.shares
    }
    if not all(sizes.values()):
        most = ", ".join(f"{sum(found.values()):,} {split}" for split, found in sets.items())
        raise RecipeError(
            f"too few {recipe.units} find partners in {', '.join(recipe.match)} for every split to "
            f"have some (sets of partners: {most}): match by fewer columns or in larger steps"
        )
    units = [0] * len(kinds)
    for split, found in sets.items():
        kept = dict(zip(found, chance.sample(list(found.values()), sizes[split]), strict=True))
        groups: dict[tuple[str, str], list[int]] = {}
        for place, kind in enumerate(kinds):
            if kind.split == split:
                key = _combination(kind.cells)[2], kind.classes[0]
                groups.setdefault(key, []).append(place)
        for (combination, name), places in sorted(groups.items()):
            drawn = chance.sample(
                [kinds[place].units for place in places], parts[name] * kept[combination]
            )
            for place, count in zip(places, drawn, strict=True):
                units[place] = count
    return Quotas(units, targets)


def _sizes(recipe: Recipe, most: Mapping[str, int]) -> dict[str, int]:
    """Return the sets that each split keeps of the most it could."""
    if recipe.by_date:
        return dict(most)
    shares = list(recipe.shares.values())
    for total in range(sum(most.values()), -1, -1):
        sizes = dict(zip(recipe.shares, largest_remainder(total, shares), strict=True))
        if all(size <= most[split] for split, size in sizes.items()):
            break
    return sizes


def scarce_units(recipe: Recipe, signatures: Sequence[Signature]) -> list[int]:
    """Return the units of each signature's patients that decide how many stay."""
    scarce = _scarce_classes(recipe, signatures)
    return [
        sum(
            units
            for cell, units in signature.units.items()
            if is_combination(cell) and scarce[cell[2]] == cell[0]
        )
        for signature in signatures
    ]


def _scarce_classes(recipe: Recipe, signatures: Sequence[Signature]) -> dict[str, str]:
    """Return for each combination the class that has the least, for its part."""
    totals: Counts = {}
    for signature in signatures:
        for cell, units in signature.units.items():
            if is_combination(cell):
                of_class = totals.setdefault(cell[2], {})
                of_class[cell[0]] = of_class.get(cell[0], 0) + units * signature.patients
    parts = parts_of(recipe)
    return {
        combination: min(parts, key=lambda name: units.get(name, 0) // parts[name])
        for combination, units in totals.items()
    }


def fewest_sets(recipe: Recipe, signatures: Sequence[Signature], allocated: Numbers) -> int:
    """Return the sets of matching units in the split that has the fewest."""
    have: dict[str, dict[str, Numbers]] = {}
    for signature, patients in zip(signatures, allocated, strict=True):
        for cell, units in signature.units.items():
            if is_combination(cell):
                of_class = have.setdefault(cell[2], {})
                of_class[cell[0]] = of_class.get(cell[0], 0.0) + units * patients
    parts = parts_of(recipe)
    sets = np.zeros(allocated.shape[1])
    for of_class in have.values():
        if all(name in of_class for name in parts):
            sets += np.min([of_class[name] // part for name, part in parts.items()], axis=0)
    return int(sets.min())


def partnered(
    recipe: Recipe, cells: Cells, signatures: Sequence[Signature], allocated: Numbers
) -> Numbers:
    """Return the allocation with as few units without a partner as changing places can reach.

    Sums of classes and findings stay as they are. Only patients of a single unit change places.
    """
    return _Partners(recipe, cells, signatures, allocated).found()


class _Partners:
    """Who has a partner in his split, and who can change places with whom.

    `have` is (class and combination, split), units; `needs` those that it takes for every unit that
    decides to have partners.
    """

    def __init__(
        self, recipe: Recipe, cells: Cells, signatures: Sequence[Signature], allocated: Numbers
    ) -> None:
        self.allocated = allocated.copy()
        self.chance = Chance(recipe.seed, "partners")
        self.parts = parts_of(recipe)
        self.scarce = _scarce_classes(recipe, signatures)
        shares = cells.patients[:, None] * cells.chances
        whole = cells.chances.sum(axis=1)[:, None]
        self.low = np.maximum(shares // whole - _WIDER, 0)
        self.high = np.minimum(-(-shares // whole) + _WIDER, cells.patients[:, None])
        self.high[cells.chances == 0] = 0
        combined = {cell for s in signatures for cell in s.units if is_combination(cell)}
        self.cells = sorted(combined)
        self.place = {cell: place for place, cell in enumerate(self.cells)}
        self.have = np.zeros((len(self.place), allocated.shape[1]))
        for row, signature in enumerate(signatures):
            for cell, units in signature.units.items():
                if is_combination(cell):
                    self.have[self.place[cell]] += units * allocated[row]
        self.needs = np.zeros_like(self.have)
        for cell in self.place:
            self._need(cell)
        self._group(signatures)

    def _group(self, signatures: Sequence[Signature]) -> None:
        """Group the signatures of a single unit: by place, by findings, by class."""
        self.of_row = np.full(len(signatures), -1)
        self.at: dict[int, list[int]] = {}
        self.findings: dict[object, list[int]] = {}
        self.classes: dict[object, list[int]] = {}
        self.keys: dict[int, tuple[object, object]] = {}
        for row, signature in enumerate(signatures):
            combined = [cell for cell in signature.units if is_combination(cell)]
            if len(combined) != 1 or signature.units[combined[0]] != 1:
                continue
            (cell,) = combined
            others = tuple(sorted(c for c in signature.units if not is_combination(c)))
            decides = self.scarce[cell[2]] == cell[0]
            keys = (others, signature.chances, decides), (cell[0], signature.chances, decides)
            self.of_row[row] = self.place[cell]
            self.at.setdefault(self.place[cell], []).append(row)
            self.findings.setdefault(keys[0], []).append(row)
            self.classes.setdefault(keys[1], []).append(row)
            self.keys[row] = keys

    def _need(self, cell: Cell) -> None:
        """Set the units that a (class, combination) needs in each split for those that decide."""
        scarce = self.scarce[cell[2]]
        decides = self.place.get((scarce, "", cell[2]))
        if scarce != cell[0] and decides is not None:
            sets = self.have[decides] // self.parts[scarce]
            self.needs[self.place[cell]] = sets * self.parts[cell[0]]

    def found(self) -> Numbers:
        """Let patients change places wherever a combination is wanting in a split."""
        wanting = [
            (cell, split)
            for cell in self.place
            if self.scarce[cell[2]] != cell[0]
            for split in range(self.have.shape[1])
        ]
        for number in self.chance.order(len(wanting)).tolist():
            cell, split = wanting[number]
            place = self.place[cell]
            while self.have[place, split] < self.needs[place, split]:
                first, second = self._bring, self._send
                if self.chance.below(2):
                    first, second = second, first
                if not (first(cell, split) or second(cell, split)):
                    break
        return self.allocated

    def _bring(self, cell: Cell, split: int) -> bool:
        """Bring a unit that a split wants from one that has it to spare; tell whether it came."""
        place = self.place[cell]
        spare = self.have[place] - self.needs[place]
        return any(
            self._change(row, int(giver), split, self._is_spare)
            for row in self.at.get(place, [])
            for giver in np.flatnonzero(spare >= 1)
        )

    def _send(self, cell: Cell, split: int) -> bool:
        """Send a unit that lacks a partner to a split that has one to spare."""
        place = self.place[cell]
        decides = self.place.get((self.scarce[cell[2]], "", cell[2]), -1)
        spare = self.have[place] - self.needs[place]
        return any(
            self._change(row, split, int(taker), self._finds_partner)
            for row in self.at.get(decides, [])
            for taker in np.flatnonzero(spare >= 1)
        )

    def _change(
        self, row: int, giver: int, taker: int, may_go: Callable[[_Rows, int, int], _Mask]
    ) -> bool:
        """Let a patient of a row change places with one of the same findings, or else class.

        `may_go` tells which rows' patients may go the other way, from one split to another.
        """
        if not self._movable(np.array([row]), giver, taker)[0]:
            return False
        for rows in (self.findings[self.keys[row][0]], self.classes[self.keys[row][1]]):
            others = np.array([other for other in rows if self.of_row[other] != self.of_row[row]])
            if len(others):
                others = others[self._movable(others, taker, giver)]
                others = others[may_go(others, taker, giver)] if len(others) else others
            if len(others):
                self._move(row, giver, taker)
                self._move(int(others[self.chance.below(len(others))]), taker, giver)
                return True
        return False

    def _movable(self, rows: _Rows, giver: int, taker: int) -> _Mask:
        """Tell of which rows a patient may go from one split to another."""
        may: _Mask = (self.allocated[rows, giver] > self.low[rows, giver]) & (
            self.allocated[rows, taker] < self.high[rows, taker]
        )
        return may

    def _is_spare(self, rows: _Rows, giver: int, taker: int) -> _Mask:
        """Tell which rows' units are not needed in the split that they would leave."""
        places = self.of_row[rows]
        spare: _Mask = self.have[places, giver] - self.needs[places, giver] >= 1
        return spare

    def _finds_partner(self, rows: _Rows, giver: int, taker: int) -> _Mask:
        """Tell which rows' units would find partners in the split that they would come to."""
        return np.array([self._spare_for(int(row), taker) for row in rows], dtype=np.bool_)

    def _spare_for(self, row: int, split: int) -> bool:
        combination = self.cells[self.of_row[row]][2]
        others = [name for name in self.parts if name != self.scarce[combination]]
        places = [self.place.get((name, "", combination), -1) for name in others]
        return min(places) >= 0 and all(
            self.have[place, split] - self.needs[place, split] >= self.parts[name]
            for place, name in zip(places, others, strict=True)
        )

    def _move(self, row: int, giver: int, taker: int) -> None:
        self.allocated[row, giver] -= 1
        self.allocated[row, taker] += 1
        self.have[self.of_row[row], giver] -= 1
        self.have[self.of_row[row], taker] += 1
        combination = self.cells[self.of_row[row]][2]
        for name in self.parts:
            if (name, "", combination) in self.place:
                self._need((name, "", combination))
