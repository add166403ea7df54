"""Random numbers from a seed and a key, the same on every machine.

The numbers are those of NumPy's PCG64, whose stream is fixed (NEP 19), started from the MD5 of the
seed and the key. What NumPy makes of the stream may change with its version, so only the stream is
used.
"""

from collections.abc import Sequence
from hashlib import md5

import numpy as np
import numpy.typing as npt

__all__ = ["Chance"]

_BITS = 53  # of a 64-bit float


class Chance:
    """A stream of chance for one purpose, named by its key."""

    def __init__(self, seed: int, key: str) -> None:
        digest = md5(f"{seed}|{key}".encode(), usedforsecurity=False).digest()
        self._stream = np.random.PCG64(int.from_bytes(digest, "big"))

    def uniform(self) -> float:
        """Return a number from 0 to 1, without 1."""
        return float(self.uniforms(1)[0])

    def uniforms(self, count: int) -> npt.NDArray[np.float64]:
        """Return so many numbers from 0 to 1, without 1."""
        bits: npt.NDArray[np.uint64] = self._stream.random_raw(count)
        return (bits >> np.uint64(64 - _BITS)).astype(np.float64) * 2.0**-_BITS

    def below(self, count: int) -> int:
        """Return a whole number from 0 to `count`, without `count`."""
        return int(self.uniform() * count)

    def order(self, count: int) -> npt.NDArray[np.int64]:
        """Return the numbers from 0 to `count`, without `count`, in an order of chance."""
        return np.argsort(self._stream.random_raw(count), kind="stable")

    def sample(self, counts: Sequence[int], size: int) -> list[int]:
        """Return how many of each count are in a systematic sample of so many of all.

        Everything that is counted has the same chance (Madow, 1949).
        """
        total = sum(counts)
        if not total:
            return [0] * len(counts)
        before, start = 0, self.below(total)
        taken = []
        for count in counts:
            first, before = before, before + count
            taken.append((before * size + start) // total - (first * size + start) // total)
        return taken
