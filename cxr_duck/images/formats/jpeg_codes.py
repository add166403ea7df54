"""Follows every Huffman code of a JPEG scan: are there exactly as many as the frame promises.

The decoders of lossless JPEG, of 12 bits and of rare sampling factors fill up what is missing, and
tell nobody. Here no pixel is made: the codes alone are followed (ITU-T T.81, annexes C, F and H).
"""

from functools import lru_cache
from typing import Any

from cxr_duck.images.formats.jpeg_markers import Frame, Markers, Scan
from cxr_duck.images.formats.verdict import Fault

__all__ = ["follow_codes"]

_PIECE = 1 << 15  # bytes of codes that are looked at together
_MARGIN = 8  # bytes that the longest code and its bits reach into the next piece
_STEPS = 3  # how often a jump is doubled
_MOST_BLOCKS = 10  # of a unit of interleaved components (T.81, B.2.3)
_NO_CODE = 1 << 20  # bits: further than any code reaches


def follow_codes(markers: Markers) -> None:
    """Follow the codes of all scans of a sequential or lossless frame. Raises Fault.

    Each component has to have its scan, and each restart interval exactly its codes, with less than
    a byte of bits after them.
    """
    frame = markers.frame
    assert frame is not None
    lossless = frame.marker == 0xC3
    told = [name for scan in markers.scans for name, _, _ in scan.components]
    if sorted(told) != sorted(part.name for part in frame.components):
        raise Fault("stream", "the scans don't hold each component once")
    for scan in markers.scans:
        if not lossless and (scan.first, scan.last, scan.approximation) != (0, 63, 0):
            raise Fault(
                "header",
                f"a scan of coefficients {scan.first} to {scan.last} in a frame that is not "
                "progressive, where T.81 has 0 to 63",
                scan.begin,
            )
        if lossless and not 1 <= scan.first <= 7:
            raise Fault("header", f"a lossless scan with the predictor {scan.first}", scan.begin)
        _follow_scan(markers, frame, scan, lossless)


def _follow_scan(markers: Markers, frame: Frame, scan: Scan, lossless: bool) -> None:
    units = _units(frame, scan, 1 if lossless else 8)
    parts = markers.parts(scan)
    tables = _tables(frame, scan, lossless)
    each = scan.restart or units
    if len(parts) != -(-units // each):
        raise Fault(
            "stream", f"{len(parts)} parts between restarts, {-(-units // each)} are needed",
            scan.begin,
        )  # fmt: skip
    for number, codes in enumerate(parts):
        count = min(each, units - number * each)
        if lossless and len(set(tables)) == 1:
            spare = _follow_differences(codes, count * len(tables), tables[0][0])
        else:
            spare = _follow_units(codes, count, tables, lossless)
        if spare is None:
            raise Fault("stream", "a scan has fewer codes than its frame has pixels", scan.begin)
        if spare > 7 and codes[-(spare // 8) :].strip(b"\xff"):
            raise Fault("stream", f"{spare // 8} bytes too many in a scan", scan.begin)


def _units(frame: Frame, scan: Scan, size: int) -> int:
    """Return how many units of interleaved components a scan has (T.81, A.2)."""
    across = max(part.across for part in frame.components)
    down = max(part.down for part in frame.components)
    if len(scan.components) > 1:
        return -(-frame.width // (size * across)) * -(-frame.height // (size * down))
    (part,) = (part for part in frame.components if part.name == scan.components[0][0])
    width = -(-frame.width * part.across // across)
    height = -(-frame.height * part.down // down)
    return -(-width // size) * -(-height // size)


def _tables(frame: Frame, scan: Scan, lossless: bool) -> list[tuple[bytes, bytes]]:
    """Return the tables for each block, or sample, of a unit."""
    factors = {part.name: part.across * part.down for part in frame.components}
    found = []
    for name, dc, ac in scan.components:
        first, second = scan.tables.get(dc), scan.tables.get(16 + ac)
        if first is None or (second is None and not lossless):
            raise Fault("stream", "a scan names a table of codes that isn't there", scan.begin)
        times = factors[name] if len(scan.components) > 1 else 1
        found += [(first, b"" if lossless else second or b"")] * times
    if len(found) > _MOST_BLOCKS and len(scan.components) > 1:
        raise Fault("header", f"{len(found)} blocks in a unit, T.81 has 10 at most", scan.begin)
    return found


@lru_cache(maxsize=16)
def _lookup(table: bytes, lossless: bool) -> Any:
    """Return for any 16 bits the length of the code they begin with, and its value, times 256.

    Codes that don't exist have the length 0 (T.81, annex C).
    """
    import numpy

    found = numpy.zeros(1 << 16, numpy.int32)
    code = place = 0
    for length in range(1, 17):
        for value in table[16 + place : 16 + place + table[length - 1]]:
            begin = code << (16 - length)
            found[begin : begin + (1 << (16 - length))] = length | value << 8
            code += 1
        place += table[length - 1]
        if code > 1 << length:
            raise Fault("stream", "a table has more codes than their lengths allow")
        code <<= 1
    return found


def _follow_differences(codes: bytes, count: int, table: bytes) -> int | None:
    """Follow `count` codes of differences (T.81, H.1.2.2); return the bits left, None if too few.

    Where each code would end is looked up for all bits at once; then a few jumps are made one.
    """
    import numpy

    found = _lookup(table, True)
    lengths = found & 255
    values = found >> 8
    # A difference of 32,768, category 16, has no more bits.
    reach = numpy.where(lengths == 0, _NO_CODE, lengths + numpy.where(values == 16, 0, values))
    reach = reach.astype(numpy.int32)
    size, bit, left = 8 * len(codes), 0, count
    data = numpy.frombuffer(codes + bytes(_PIECE + 2 * _MARGIN), numpy.uint8)
    for start in range(0, len(codes), _PIECE):
        bits = 8 * _PIECE
        ends = _ends(data[start : start + _PIECE + _MARGIN], reach)
        jumps = [ends]
        for _ in range(_STEPS):
            jumps.append(_doubled(jumps[-1], bits))
        bit, left = _walk(jumps, bit - 8 * start, left, bits)
        if bit >= _NO_CODE:
            return None
        bit += 8 * start
        if not left:
            return size - bit if bit <= size else None
    return None


def _ends(data: Any, reach: Any) -> Any:
    """Return for each bit of a piece, as begin of a code, where that code and its bits end."""
    import numpy

    count = len(data) - _MARGIN
    words = data.astype(numpy.uint32)
    three = words[:count] << 16 | words[1 : count + 1] << 8 | words[2 : count + 2]
    ends = numpy.empty((count, 8), numpy.int32)
    for shift in range(8):
        ends[:, shift] = reach[(three >> (8 - shift)) & 0xFFFF]
    flat = ends.reshape(-1)
    flat += numpy.arange(8 * count, dtype=numpy.int32)
    return flat


def _doubled(jump: Any, bits: int) -> Any:
    """Return where two of these jumps lead; a jump that leaves the piece is none."""
    import numpy

    inside = numpy.minimum(jump, bits - 1)
    return numpy.where(jump < bits, jump[inside], _NO_CODE)


def _walk(jumps: list[Any], bit: int, left: int, bits: int) -> tuple[int, int]:
    """Jump from code to code, with the longest jumps that stay; return the bit and what is left."""
    for power in range(_STEPS, -1, -1):
        jump, step = jumps[power], 1 << power
        while left >= step and bit < bits:
            to = int(jump[bit])
            if to >= _NO_CODE or (power and to >= bits):
                break
            bit, left = to, left - step
    if left and bit < bits:
        return _NO_CODE, left  # there is no such code
    return bit, left


def _follow_units(
    codes: bytes, count: int, tables: list[tuple[bytes, bytes]], lossless: bool
) -> int | None:
    """Follow the codes of blocks (T.81, F.2.2); return the bits left, None if there are too few."""
    kinds = [
        (_lookup(first, lossless).tolist(), None if lossless else _lookup(second, False).tolist())
        for first, second in tables
    ]
    size, bit = 8 * len(codes), 0
    padded = codes + bytes(8)
    for _ in range(count):
        for first, second in kinds:
            at = bit >> 3
            word = int.from_bytes(padded[at : at + 3], "big") >> (8 - (bit & 7)) & 0xFFFF
            found = first[word]
            value = found >> 8
            bit += (found & 255) + (0 if lossless and value == 16 else value)
            if not found or bit > size:
                return None
            if second is None:
                continue
            coefficient = 1
            while coefficient < 64:
                at = bit >> 3
                word = int.from_bytes(padded[at : at + 3], "big") >> (8 - (bit & 7)) & 0xFFFF
                found = second[word]
                if not found:
                    return None
                value = found >> 8
                bit += (found & 255) + (value & 15)
                if not value & 15 and value != 0xF0:
                    break
                coefficient += 1 + (value >> 4)
            if bit > size or coefficient > 64:
                return None
    return size - bit
