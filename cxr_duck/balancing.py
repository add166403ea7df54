"""Patients to splits, and what of each class stays, on the relations of `sql/3_dataset`."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cxr_duck.engines.engine import Engine
from cxr_duck.recipe import Recipe

if TYPE_CHECKING:
    from cxr_duck.allocation import Cell

__all__ = [
    "ALLOCATION_COLUMNS",
    "QUOTA_COLUMNS",
    "Decisions",
    "Exactness",
    "OtherPatients",
    "balance",
    "deal_patients",
    "exactness_of",
]

ALLOCATION_COLUMNS = (
    "signature BIGINT[], limit_to VARCHAR, position INTEGER, split VARCHAR, patients BIGINT"
)
QUOTA_COLUMNS = "kind INTEGER[], split VARCHAR, units BIGINT"
_PLACE = 1_000_000  # a number of a signature is a cell times this, and units

AllocationRow = tuple[list[int], str, int, str, int]
QuotaRow = tuple[list[int], str, int]
_Counted = tuple[int, list[int], str, int]  # number, signature, limit, patients


@dataclass(frozen=True)
class Exactness:
    """How near a dataset comes to what its recipe asks.

    `kept` of the `possible` units of `smallest`, the class that decides the others' size, stay.
    `out_of_place` units of `findings` findings are away from the nearest whole numbers that their
    patients allow, before classes are cut down; `proved` tells that no other allocation with
    classes as exact has less out of place, relative to the sizes of the findings. In the dataset,
    no finding is further than `furthest` units from its share of its class in a split.
    """

    smallest: str = ""
    kept: int = 0
    possible: int = 0
    out_of_place: float = 0.0
    findings: int = 0
    proved: bool = False
    furthest: float = 0.0


@dataclass(frozen=True)
class Decisions:
    """What was decided when a dataset was made, and is recorded with it.

    `allocation` has the patients of each (signature, limit) in each split; a signature is a list of
    cell * 1,000,000 + units, cells being numbered in the order of class and finding. `quotas` has
    the units of each kind, a list of cells, that stay in each split.
    """

    allocation: list[AllocationRow] = field(repr=False, default_factory=list)
    quotas: list[QuotaRow] = field(repr=False, default_factory=list)
    exactness: Exactness = field(default_factory=Exactness)


class OtherPatients(Exception):
    """The store's patients are not those that an allocation was decided for."""


def deal_patients(
    engine: Engine, recipe: Recipe, decided: Decisions | None
) -> tuple[list[AllocationRow], Exactness]:
    """Make splits: one row per patient. Return the allocation and how near it is.

    Raises OtherPatients where what was decided is about others.
    """
    if recipe.by_date:
        engine.create("splits", "SELECT patient_id, split FROM patient_periods")
        return [], Exactness(proved=True)
    engine.make("patient_cells")
    engine.make("signatures")
    engine.gather("signature_counts")
    counts = engine.fetch("SELECT * FROM signature_counts ORDER BY number")
    if decided is None:
        allocation, exactness = _allocate(engine, recipe, counts)
    else:
        allocation, exactness = decided.allocation, decided.exactness
    numbers = _numbers(counts, allocation)
    engine.put(
        "allocation",
        "number INTEGER, position INTEGER, split VARCHAR, patients BIGINT",
        [(numbers[tuple(row[0]), row[1]], *row[2:]) for row in allocation],
    )
    engine.make("splits", seed=recipe.seed)
    return allocation, exactness


def _numbers(
    counts: list[_Counted], allocation: list[AllocationRow]
) -> dict[tuple[tuple[int, ...], str], int]:
    """Return the numbers of the signatures; OtherPatients where those allocated are others."""
    patients: dict[tuple[tuple[int, ...], str], int] = {}
    for signature, limit, _, _, count in allocation:
        key = tuple(signature), limit
        patients[key] = patients.get(key, 0) + count
    there = {(tuple(signature), limit): count for _, signature, limit, count in counts}
    if patients != there:
        raise OtherPatients
    return {(tuple(signature), limit): number for number, signature, limit, _ in counts}


def _allocate(
    engine: Engine, recipe: Recipe, counts: list[_Counted]
) -> tuple[list[AllocationRow], Exactness]:
    from cxr_duck.allocation import Cells, Signature, allocate
    from cxr_duck.solver import refine
    from cxr_duck.targets import allowed_splits, wanted_units

    names = _cells(engine)
    signatures = [
        Signature(
            patients,
            {names[number // _PLACE]: number % _PLACE for number in signature},
            allowed_splits(limit, len(recipe.shares)),
        )
        for _, signature, limit, patients in counts
    ]
    limits = [limit for _, _, limit, _ in counts]
    cells = Cells.of(signatures, wanted_units(recipe, signatures, limits))
    allocated, nearness = refine(cells, allocate(cells))
    rows = [
        (signature, limit, position, split, int(patients))
        for (_, signature, limit, _), row in zip(counts, allocated, strict=True)
        for position, (split, patients) in enumerate(zip(recipe.shares, row, strict=True))
        if patients
    ]
    return rows, Exactness(
        out_of_place=nearness.out_of_place, findings=nearness.findings, proved=nearness.proved
    )


def _cells(engine: Engine) -> dict[int, "Cell"]:
    """Return the cells by their numbers."""
    return {
        number: (name, finding)
        for name, finding, number in engine.fetch("SELECT class, finding, cell FROM cells")
    }


def balance(engine: Engine, recipe: Recipe, decided: Decisions | None) -> list[QuotaRow]:
    """Make quotas: units of each kind that stay in each split. Return its rows.

    Raises OtherPatients where what was decided is more than there is.
    """
    from cxr_duck.quotas import Kind, choose_quotas

    counts = engine.rows("kind_counts")
    if decided is None:
        names = _cells(engine)
        kinds = [
            Kind(tuple(names[cell] for cell in cells), split, units)
            for cells, split, units in counts
        ]
        chosen = choose_quotas(recipe, kinds)
        rows = [
            (cells, split, units)
            for (cells, split, _), units in zip(counts, chosen.units, strict=True)
            if units
        ]
    else:
        rows = decided.quotas
        there = {(tuple(kind), split): units for kind, split, units in counts}
        if any(there.get((tuple(kind), split), 0) < units for kind, split, units in rows):
            raise OtherPatients
    engine.put("quotas", QUOTA_COLUMNS, rows)
    return rows


def exactness_of(engine: Engine, recipe: Recipe, found: Exactness) -> Exactness:
    """Return how near the finished dataset comes to its recipe."""
    from cxr_duck.targets import smallest_class

    possible = dict(
        engine.fetch("SELECT class, count(DISTINCT unit_id) FROM members GROUP BY class")
    )
    smallest = smallest_class(recipe, possible)
    kept: dict[Cell, dict[str, int]] = {}
    engine.gather("dataset_units")
    for name, finding, split, units in engine.fetch("SELECT * FROM dataset_units"):
        kept.setdefault((name, finding), {})[split] = units
    sums = {cell: sum(units.values()) for cell, units in kept.items()}
    furthest = max(
        abs(units.get(split, 0) - sums[cell] * kept[cell[0], ""][split] / sums[cell[0], ""])
        for cell, units in kept.items()
        for split in recipe.shares
    )
    return replace(
        found,
        smallest=smallest,
        kept=sums[smallest, ""],
        possible=int(possible[smallest]),
        furthest=round(furthest, 2),
    )
