"""Patients to splits, and what of each class stays, on the relations of `sql/3_dataset`."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cxr_duck.engines.engine import Engine
from cxr_duck.recipe import Recipe

if TYPE_CHECKING:
    from cxr_duck.allocation import Cell

__all__ = [
    "ALLOCATION_COLUMNS",
    "QUOTA_COLUMNS",
    "AllocationRow",
    "Decisions",
    "Exactness",
    "OtherPatients",
    "QuotaRow",
    "balance",
    "cells_by_number",
    "deal_patients",
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

    `kept` of the `possible` units of `smallest`, the class that decides the others' size, stay;
    `full` would without the recipe's `size`. `largest` tells that no split of these patients keeps
    more. No signature is further than `reach` patients from its share of a split, rounded down or
    up. `pinned` patients may not go to every split, and `tied` ones are dealt together with others.
    In the dataset no finding is further than `furthest` units from its class's share in a split,
    and no split of the same images into the same sizes can be nearer than `nearest`. `strata` has
    the same distance for the values of each column that the recipe stratifies by. `unmatched` has,
    for each combination of the columns that it matches by, the units of each class left out.

    A record of 0.5.0 has no `nearest`: it told of `out_of_place` units of `findings` findings
    before classes were cut down, and `proved` that no split had less.
    """

    smallest: str = ""
    kept: int = 0
    possible: int = 0
    out_of_place: float = 0.0
    findings: int = 0
    proved: bool = False
    furthest: float = 0.0
    full: int = 0
    largest: bool = False
    reach: int = 0
    pinned: int = 0
    tied: int = 0
    nearest: float | None = None
    strata: dict[str, float] = field(default_factory=dict)
    unmatched: dict[str, dict[str, int]] = field(default_factory=dict)


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
        return [], Exactness()
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
    from cxr_duck.drawing import draw
    from cxr_duck.targets import Patients

    names = cells_by_number(engine)
    patients = [
        Patients(count, {names[n // _PLACE]: n % _PLACE for n in signature}, limit)
        for _, signature, limit, count in counts
    ]
    drawn = draw(recipe, patients)
    rows = [
        (signature, limit, position, split, int(number))
        for (_, signature, limit, _), row in zip(counts, drawn.patients, strict=True)
        for position, (split, number) in enumerate(zip(recipe.shares, row, strict=True))
        if number
    ]
    pinned = sum(same.number for same in patients if same.limit)
    tied = 0
    if recipe.twins == "together":
        tied = int(
            engine.scalar(
                "SELECT count(DISTINCT patient_ties.patient_id) FROM members "
                "INNER JOIN images USING (image_id) "
                "INNER JOIN patient_ties ON images.patient_id = patient_ties.patient_id"
            )
        )
    return rows, Exactness(reach=drawn.reach, largest=drawn.largest, pinned=pinned, tied=tied)


def cells_by_number(engine: Engine) -> dict[int, "Cell"]:
    """Return the cells by their numbers."""
    return {
        number: (name, finding, stratum) if stratum else (name, finding)
        for name, finding, stratum, number in engine.fetch(
            "SELECT class, finding, stratum, cell FROM cells"
        )
    }


def balance(engine: Engine, recipe: Recipe, decided: Decisions | None) -> list[QuotaRow]:
    """Make selection: the units that stay, before the recipe's size. Return the quotas' rows.

    Raises OtherPatients where what was decided is more than there is.
    """
    from cxr_duck.quotas import Kind, choose_quotas

    counts = engine.rows("kind_counts")
    if decided is None:
        names = cells_by_number(engine)
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
    engine.make("selection", seed=recipe.seed)
    return rows
