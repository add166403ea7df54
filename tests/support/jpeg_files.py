"""Writes JPEG images of the kinds that no library here writes: lossless, 12 bits, rare factors."""

from collections.abc import Iterable

import numpy

__all__ = ["block_jpeg", "lossless_jpeg"]

_CODE = 5  # bits of the code of any category, 0 to 16


def lossless_jpeg(pixels: numpy.ndarray, bits: int = 16) -> bytes:
    """Return a lossless JPEG of gray pixels, predicted from the left (ITU-T T.81, annex H)."""
    rows = pixels.astype(int)
    left = numpy.empty_like(rows)
    left[:, 1:] = rows[:, :-1]
    left[1:, 0] = rows[:-1, 0]
    left[0, 0] = 1 << (bits - 1)
    codes = _codes((int(step), False) for step in (rows - left).ravel())
    return _file(0xC3, pixels.shape[1], pixels.shape[0], bits, [(1, 1)], (1, 0, 0), codes)


def block_jpeg(
    factors: list[tuple[int, int]], width: int = 90, height: int = 70, bits: int = 8
) -> bytes:
    """Return a sequential JPEG of even blocks, whose components have these sampling factors."""
    across, down = (max(pair[side] for pair in factors) for side in (0, 1))
    units = -(-width // (8 * across)) * -(-height // (8 * down))
    blocks = units * sum(wide * high for wide, high in factors)
    rng = numpy.random.default_rng(len(factors))
    steps = rng.integers(-20, 20, blocks)
    codes = _codes((int(step), True) for step in steps)
    return _file(0xC1, width, height, bits, factors, (0, 63, 0), codes)


def _codes(steps: Iterable[tuple[int, bool]]) -> bytes:
    """Return differences as codes; after those of blocks stands the end of the block."""
    bits = []
    for step, of_block in steps:
        size = abs(step).bit_length()
        bits.append(f"{size:0{_CODE}b}")
        if size:
            bits.append(f"{step if step > 0 else step + (1 << size) - 1:0{size}b}")
        bits.append("0" if of_block else "")
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    data = bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))
    return data.replace(b"\xff", b"\xff\0")


def _segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content


def _file(
    marker: int,
    width: int,
    height: int,
    bits: int,
    factors: list[tuple[int, int]],
    ends: tuple[int, int, int],
    codes: bytes,
) -> bytes:
    names = range(1, len(factors) + 1)
    frame = bytes([bits, *height.to_bytes(2, "big"), *width.to_bytes(2, "big"), len(factors)])
    for name, (wide, high) in zip(names, factors, strict=True):
        frame += bytes([name, wide << 4 | high, 0])
    sizes = range(17 if marker == 0xC3 else 12)
    first = bytes([0, 0, 0, 0, 0, len(sizes), *[0] * 11, *sizes])
    second = bytes([16, 1, *[0] * 15, 0])
    scan = bytes([len(factors)]) + b"".join(bytes([name, 0]) for name in names) + bytes(ends)
    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xDB, bytes([0]) + bytes([1] * 64)),
            _segment(marker, frame),
            _segment(0xC4, first + second),
            _segment(0xDA, scan),
            codes,
            b"\xff\xd9",
        )
    )
