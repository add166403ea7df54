"""Runs the allocation on the relations of `sql/5_datasets`: deals patients, balances classes."""

from cxr_duck.datasets.allocation.allocate import Cell
from cxr_duck.datasets.allocation.decisions import (
    QUOTA_COLUMNS,
    AllocationRow,
    Decisions,
    Exactness,
    OtherPatients,
    QuotaRow,
)
from cxr_duck.datasets.allocation.draw import draw
from cxr_duck.datasets.allocation.quotas import choose_quotas
from cxr_duck.datasets.allocation.targets import Patients
from cxr_duck.datasets.allocation.units import Kind
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.engines.engine import Engine

__all__ = ["balance", "cells_by_number", "deal_patients"]

_PLACE = 1_000_000  # a number of a signature is a cell times this, and units

_Counted = tuple[int, list[int], str, int]  # number, signature, limit, patients


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
                "SELECT count(DISTINCT twin_patients.patient_id) FROM eligible "
                "INNER JOIN images USING (image_id) "
                "INNER JOIN twin_patients ON images.patient_id = twin_patients.patient_id"
            )
        )
    return rows, Exactness(reach=drawn.reach, largest=drawn.largest, pinned=pinned, tied=tied)


def cells_by_number(engine: Engine) -> dict[int, Cell]:
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
