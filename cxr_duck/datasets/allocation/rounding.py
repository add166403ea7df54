"""Whole numbers that add up and are as near to shares as can be."""

from collections.abc import Sequence

__all__ = ["largest_remainder"]


def largest_remainder(total: int, shares: Sequence[int]) -> list[int]:
    """Return whole numbers that add up to `total`, nearest to the shares (largest remainder)."""
    whole = sum(shares)
    floors = [total * share // whole for share in shares]
    remainders = [total * share % whole for share in shares]
    order = sorted(range(len(shares)), key=lambda split: (-remainders[split], split))
    for split in order[: total - sum(floors)]:
        floors[split] += 1
    return floors
