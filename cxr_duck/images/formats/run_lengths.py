"""Tests a frame of DICOM's RLE: each of its segments holds exactly the bytes of its plane."""

import struct

from cxr_duck.images.formats.verdict import Fault

__all__ = ["verify_run_lengths"]

_HEADER = struct.Struct("<16I")  # the number of segments, and where each begins
_NOTHING = b"\x80"  # a run of no bytes


def verify_run_lengths(frame: bytes, planes: int, pixels: int) -> None:
    """Test a frame of so many planes of bytes (DICOM PS3.5, annex G). Raises Fault."""
    if len(frame) < _HEADER.size:
        raise Fault("truncated", "an RLE frame ends within its header")
    count, *begins = _HEADER.unpack_from(frame)
    if count != planes:
        raise Fault("header", f"{count} RLE segments, the file's header promises {planes}")
    edges = [*begins[:count], len(frame)]
    if edges[0] != _HEADER.size or edges != sorted(edges):
        raise Fault("header", "the RLE segments don't lie one after the other")
    for number in range(count):
        _verify_segment(frame[edges[number] : edges[number + 1]], pixels, number + 1)


def _verify_segment(segment: bytes, pixels: int, number: int) -> None:
    place, left, end = 0, pixels, len(segment)
    while left > 0:
        if place >= end:
            raise Fault("truncated", f"RLE segment {number} ends {left} bytes before its pixels do")
        run = segment[place]
        if run < 128:
            place += run + 2
            left -= run + 1
        else:
            place += 2 if run > 128 else 1
            left -= 257 - run if run > 128 else 0
    rest = segment[place:].strip(_NOTHING)
    if left or place > end or len(rest) > 2:  # which make lengths even
        raise Fault("length", f"RLE segment {number} has more bytes than its pixels")
