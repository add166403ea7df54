"""Tests a JPEG 2000 code stream: its markers, and that its packets fill each tile exactly.

The decoder takes a stream whose packets end too early, or late, and tells nobody. Here no pixel is
made: the headers of all packets are read (ISO/IEC 15444-1, annexes A and B).
"""

import struct
from dataclasses import dataclass

from cxr_duck.images.formats.jpeg2000_packets import BYPASS, Layout, Style, read_packets
from cxr_duck.images.formats.verdict import Fault

__all__ = ["Image", "verify_code_stream"]

_HIGH_THROUGHPUT = 0x40  # a style of code blocks: ISO/IEC 15444-15
_UNREAD = {0x53: "COC", 0x5F: "POC", 0x60: "PPM", 0x61: "PPT"}  # which change the packets' order
_NO_ZEROS, _NO_RAW_ZEROS = 32, 4096  # bytes; an arithmetic coder makes no such run


@dataclass(frozen=True)
class Image:
    """What the header SIZ says: pixels, components, bits of the first one."""

    width: int
    height: int
    components: int
    bits: int


def verify_code_stream(data: bytes) -> Image:
    """Test a code stream, in a JP2 file or not; return its size.

    All tiles have to be there, each with exactly the packets that its header promises, to the last
    byte, and no code block with a run of zeros that no encoder makes. Raises Fault: damaged, or
    untested where the order of its packets isn't known here.
    """
    stream = _Stream(data)
    stream.run()
    assert stream.layout and stream.style
    for number in range(stream.layout.tiles):
        body = b"".join(stream.tiles.get(number, []))
        if number not in stream.tiles:
            raise Fault("truncated", f"tile {number} of {stream.layout.tiles} is missing")
        end, blocks = read_packets(body, stream.layout, stream.style, number)
        if end < len(body):
            raise Fault("stream", f"{len(body) - end} bytes too many after the last packet")
        run = _NO_RAW_ZEROS if stream.style.blocks & BYPASS else _NO_ZEROS
        if any(body.find(bytes(run), begin, stop) >= 0 for begin, stop in blocks):
            raise Fault("stream", f"a code block has {run} zeros in a row, which no encoder makes")
    return stream.image()


class _Stream:
    def __init__(self, data: bytes) -> None:
        begin = data.find(b"jp2c") + 4 if data.startswith(b"\0\0\0\x0cjP  ") else 0
        self._data = data
        self._place = begin
        self.layout: Layout | None = None
        self.style: Style | None = None
        self.tiles: dict[int, list[bytes]] = {}
        self._size: tuple[int, ...] = ()

    def run(self) -> None:
        """Walk from marker to marker to the end of the code stream. Raises Fault."""
        if self._take(2) != b"\xff\x4f":
            raise Fault("header", "it doesn't begin as a JPEG 2000 code stream")
        while (marker := self._take(2)) != b"\xff\xd9":
            if marker[0] != 0xFF:
                raise Fault("chunk", "there are stray bytes between two segments")
            begin = self._place - 2
            content = self._take(int.from_bytes(self._take(2), "big") - 2)
            try:
                self._read(marker[1], content, begin)
            except (struct.error, IndexError) as error:
                raise Fault("header", f"segment {marker[1]:02X} is too short") from error
        if not self.tiles or not self.layout or not self.style:
            raise Fault("chunk", "there are no pixels before the end")

    def _read(self, kind: int, content: bytes, begin: int) -> None:
        if kind in _UNREAD or (kind == 0x52 and self.style):
            name = _UNREAD.get(kind, "a second COD")
            detail = f"JPEG 2000 with {name}: this compression can't be verified here"
            raise Fault("no decoder", detail, verdict="untested")
        if kind == 0x51:
            self._read_size(content)
        elif kind == 0x52:
            self._read_style(content)
        elif kind == 0x90:
            self._read_tile(content, begin)

    def _read_size(self, content: bytes) -> None:
        self._size = struct.unpack_from(">8IH", content, 2)
        parts = [tuple(content[at : at + 3]) for at in range(36, 36 + 3 * self._size[8], 3)]
        steps = tuple((part[1], part[2]) for part in parts)
        wide, high, left, top, across, down, first, above = self._size[:8]
        if not (parts and all(map(all, steps)) and across and down and wide > left and high > top):
            raise Fault("header", "an image of this size can't be")
        self._bits = (parts[0][0] & 127) + 1
        self.layout = Layout((left, top, wide, high), (first, above, across, down), steps)

    def _read_style(self, content: bytes) -> None:
        coding, order, layers, _, levels, width, height, blocks, _ = struct.unpack_from(
            ">BBHBBBBBB", content
        )
        precincts = [(15, 15)] * (levels + 1)
        if coding & 1:
            precincts = [(content[at] & 15, content[at] >> 4) for at in range(10, 11 + levels)]
        if order > 4 or levels > 32 or width > 8 or height > 8 or not layers:
            raise Fault("header", "a style of coding that can't be")
        if blocks & _HIGH_THROUGHPUT:
            raise Fault(
                "no decoder",
                "High-Throughput JPEG 2000: this compression can't be verified here",
                verdict="untested",
            )
        self.style = Style(coding, order, layers, levels, (width + 2, height + 2), blocks,
                           tuple(precincts))  # fmt: skip

    def _read_tile(self, content: bytes, begin: int) -> None:
        """Keep the packets of a tile part, which SOD begins."""
        number, length = struct.unpack_from(">HI", content)
        end = begin + length if length else self._data.rfind(b"\xff\xd9")
        if end > len(self._data):
            raise Fault("truncated", "the file ends within a tile", len(self._data))
        while (marker := self._take(2)) != b"\xff\x93":
            inner = self._take(int.from_bytes(self._take(2), "big") - 2)
            self._read(marker[1], inner, self._place)
        if end < self._place:
            raise Fault("header", f"a part of tile {number} of {length} bytes can't be", begin)
        self.tiles.setdefault(number, []).append(self._data[self._place : end])
        self._place = end

    def _take(self, count: int) -> bytes:
        if count < 0 or self._place + count > len(self._data):
            raise Fault("truncated", "the file ends before the image does", len(self._data))
        self._place += count
        return self._data[self._place - count : self._place]

    def image(self) -> Image:
        """Return what the header says."""
        wide, high, left, top = self._size[:4]
        return Image(wide - left, high - top, self._size[8], self._bits)
