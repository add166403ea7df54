"""The decisions that made a dataset, as its record keeps them, and how near they come."""

from dataclasses import dataclass, field

__all__ = [
    "ALLOCATION_COLUMNS",
    "QUOTA_COLUMNS",
    "AllocationRow",
    "Decisions",
    "Exactness",
    "OtherPatients",
    "QuotaRow",
]

ALLOCATION_COLUMNS = (
    "signature BIGINT[], limit_to VARCHAR, position INTEGER, split VARCHAR, patients BIGINT"
)

QUOTA_COLUMNS = "kind INTEGER[], split VARCHAR, units BIGINT"

AllocationRow = tuple[list[int], str, int, str, int]

QuotaRow = tuple[list[int], str, int]


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
