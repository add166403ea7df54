"""Walks over the markers of a JPEG image, and keeps its frame, its scans and its tables."""

import re
import struct
from dataclasses import dataclass
from itertools import pairwise

from cxr_duck.images.formats.exif import UPRIGHT, exif_orientation
from cxr_duck.images.formats.verdict import Fault

__all__ = ["ARITHMETIC", "LS_FRAME", "Component", "Frame", "Markers", "Scan"]

ARITHMETIC = {*range(0xC9, 0xD0)} - {0xCC}  # frames without Huffman codes
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_METADATA = (0xE0, 0xE2)  # JFIF, and color profiles
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a segment
_NEXT = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # the marker that ends compressed data
_LS_NEXT = re.compile(rb"\xff[\x80-\xfe]")  # that of JPEG-LS: ITU-T T.87, annex A.1
LS_FRAME = 0xF7


@dataclass(frozen=True)
class Component:
    """One of a frame's components: its name and its sampling factors."""

    name: int
    across: int
    down: int


@dataclass(frozen=True)
class Frame:
    """What the header of a frame says (ITU-T T.81, B.2.2); `marker` tells the process."""

    marker: int
    width: int
    height: int
    bits: int
    components: tuple[Component, ...]

    @property
    def process(self) -> str:
        """The way of compression in a word."""
        if self.marker == LS_FRAME:
            return "JPEG-LS"
        ways = ("baseline", "sequential", "progressive", "lossless")
        hierarchical = "hierarchical " if self.marker & 4 else ""
        coding = ", with arithmetic coding" if self.marker in ARITHMETIC else ""
        return f"{hierarchical}{ways[self.marker & 3]} JPEG{coding}"


@dataclass(frozen=True)
class Scan:
    """What the header of a scan says (B.2.3), where its codes lie, and what was defined before.

    `tables` maps 0 (DC, or lossless) or 16 (AC), plus the table's number, to its lengths and values
    as they stand in the file. `restart` is the number of units between two restarts, 0 for none.
    """

    components: tuple[tuple[int, int, int], ...]  # name, DC table, AC table
    first: int
    last: int
    approximation: int
    begin: int
    end: int
    restart: int
    tables: dict[int, bytes]


class Markers:
    """From marker to marker (ITU-T T.81, annex B) up to the end of the image."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 2
        self.frame: Frame | None = None
        self.scans: list[Scan] = []
        self.orientation = UPRIGHT
        self._metadata: list[tuple[int, int]] = []  # from where to where
        self._tables: dict[int, bytes] = {}
        self._restart = 0

    def run(self) -> None:
        """Walk; stands after the end of the image then. Raises Fault."""
        while (marker := self._marker()) != 0xD9:
            if marker in _ALONE:
                continue
            begin = self.place
            length = int.from_bytes(self._take(2), "big")
            if length < 2:
                raise Fault("chunk", f"segment {marker:02X} has {length} bytes", begin - 2)
            self._read(marker, self._take(length - 2), begin - 2)
        if not self.scans or not self.frame:
            raise Fault("chunk", "there are no pixels before the end", self.place - 2)

    def _read(self, marker: int, content: bytes, offset: int) -> None:
        if marker in _METADATA:
            self._metadata.append((offset, self.place))
        elif marker in _FRAMES or marker == LS_FRAME:
            self._read_frame(marker, content, offset)
        elif marker == 0xDA:
            self._read_scan(content, offset)
        elif marker == 0xC4:
            self._read_tables(content, offset)
        elif marker == 0xDD and len(content) == 2:
            self._restart = int.from_bytes(content, "big")
        elif marker == 0xE1 and content.startswith(b"Exif\0\0"):
            self.orientation = exif_orientation(content[6:])

    def _marker(self) -> int:
        begin = self.place
        if self._take(1) != b"\xff":
            raise Fault("chunk", "there are stray bytes between two segments", begin)
        byte = b"\xff"
        while byte == b"\xff":
            byte = self._take(1)
        return byte[0]

    def _take(self, count: int) -> bytes:
        if self.place + count > len(self.data):
            raise Fault("truncated", "the file ends before the image does", len(self.data))
        self.place += count
        return self.data[self.place - count : self.place]

    def image(self) -> bytes:
        """Return the file without its metadata, whose mistakes are none of the pixels'."""
        ends = [0, *(end for _, end in self._metadata)]
        begins = [*(begin for begin, _ in self._metadata), len(self.data)]
        return b"".join(map(self.data.__getitem__, map(slice, ends, begins)))

    def _read_frame(self, marker: int, content: bytes, offset: int) -> None:
        if self.frame:
            raise Fault("chunk", "there are two frames", offset)
        if len(content) < 6 or len(content) != 6 + 3 * content[5]:
            raise Fault("header", "the frame's header has a wrong length", offset)
        bits, height, width = (content[0], *struct.unpack_from(">HH", content, 1))
        parts = tuple(
            Component(content[at], content[at + 1] >> 4, content[at + 1] & 15)
            for at in range(6, len(content), 3)
        )
        self.frame = Frame(marker, width, height, bits, parts)
        if not width or not parts:
            raise Fault("header", f"{width} columns of {len(parts)} components can't be", offset)

    def _read_scan(self, content: bytes, offset: int) -> None:
        count = content[0] if content else 0
        if not count or len(content) != 4 + 2 * count:
            raise Fault("header", "a scan's header has a wrong length", offset)
        chosen = tuple(
            (content[at], content[at + 1] >> 4, content[at + 1] & 15)
            for at in range(1, 1 + 2 * count, 2)
        )
        pattern = _LS_NEXT if self.frame and self.frame.marker == LS_FRAME else _NEXT
        following = pattern.search(self.data, self.place)
        if not following:
            raise Fault("truncated", "the file ends within the pixels", len(self.data))
        begin, self.place = self.place, following.start()
        first, last, approximation = content[-3:]
        place = (begin, self.place, self._restart)
        self.scans.append(Scan(chosen, first, last, approximation, *place, dict(self._tables)))

    def _read_tables(self, content: bytes, offset: int) -> None:
        """Keep the tables of a segment (B.2.4.2)."""
        place = 0
        while place < len(content):
            size = 17 + sum(content[place + 1 : place + 17])
            if place + size > len(content):
                raise Fault("chunk", "a table of codes is longer than its segment", offset)
            self._tables[content[place]] = content[place + 1 : place + size]
            place += size

    def parts(self, scan: Scan) -> list[bytes]:
        """Return the codes of a scan between its restarts, without the zeros after FF.

        Raises Fault where restarts are missing or not in their order.
        """
        codes = self.data[scan.begin : scan.end]
        found = [*re.finditer(rb"\xff+([\xd0-\xd7])", codes)] if scan.restart else []
        for number, match in enumerate(found):
            if match[1][0] & 7 != number & 7:
                raise Fault(
                    "stream", f"restart {number + 1} is missing", scan.begin + match.start()
                )
        edges = [0, *(edge for match in found for edge in match.span()), len(codes)]
        return [
            codes[begin:end].replace(b"\xff\0", b"\xff") for begin, end in [*pairwise(edges)][::2]
        ]
