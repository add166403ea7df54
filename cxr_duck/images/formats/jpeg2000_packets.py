"""Reads the headers of JPEG 2000 packets: which bytes of a tile belong to which code block.

The sections are those of ISO/IEC 15444-1.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from cxr_duck.images.formats.verdict import Fault

__all__ = ["BYPASS", "Layout", "Style", "read_packets"]

BYPASS, _TERMINATE_ALL = 1, 4  # styles of code blocks, table A.19
_MARKED_BEGIN, _MARKED_END = 2, 4  # of packets, table A.13
_BEFORE_BYPASS = 10  # coding passes


@dataclass(frozen=True)
class Layout:
    """The image and its first tile on the reference grid, left, top, right and bottom or width and
    height; and for each component how many steps of the grid a sample is wide and high (B.2)."""

    image: tuple[int, int, int, int]
    tile: tuple[int, int, int, int]
    steps: tuple[tuple[int, int], ...]

    @property
    def across(self) -> int:
        """The number of tiles in a row."""
        return -(-(self.image[2] - self.tile[0]) // self.tile[2])

    @property
    def tiles(self) -> int:
        """The number of tiles."""
        return self.across * -(-(self.image[3] - self.tile[1]) // self.tile[3])

    def bounds(self, number: int) -> tuple[int, int, int, int]:
        """Return where a tile lies on the grid (B.3)."""
        row, column = divmod(number, self.across)
        left, top, width, height = self.tile
        left, top = left + column * width, top + row * height
        x0, y0, x1, y1 = self.image
        return max(left, x0), max(top, y0), min(left + width, x1), min(top + height, y1)


@dataclass(frozen=True)
class Style:
    """What COD says (A.6.1); `block` and `precincts` are powers of two, one pair a resolution."""

    coding: int
    order: int
    layers: int
    levels: int
    block: tuple[int, int]
    blocks: int
    precincts: tuple[tuple[int, int], ...]


class _Block:
    """A code block: what the packets so far have said of it."""

    def __init__(self) -> None:
        self.passes = 0
        self.length_bits = 3


class _Band:
    """The code blocks of a sub-band within a precinct, in rows, and their two trees."""

    def __init__(self, width: int, height: int) -> None:
        self.blocks = [_Block() for _ in range(width * height)]
        self.width = width
        self.included = _TagTree(width, height)
        self.empty_planes = _TagTree(width, height)


class _TagTree:
    """B.10.2: each node is the least of up to four below it."""

    def __init__(self, width: int, height: int) -> None:
        self._widths = [width]
        sizes = [width * height]
        while sizes[-1] > 1:
            width, height = -(-width // 2), -(-height // 2)
            self._widths.append(width)
            sizes.append(width * height)
        self._least = [[0] * size for size in sizes]
        self._known = [[False] * size for size in sizes]

    def read(self, bits: "_Bits", column: int, row: int, below: int) -> bool:
        """Whether the value of a leaf is less than `below`, read as far as need be."""
        least = 0
        for level in range(len(self._widths) - 1, -1, -1):
            at = (row >> level) * self._widths[level] + (column >> level)
            least = max(least, self._least[level][at])
            while least < below and not self._known[level][at]:
                if bits.read(1):
                    self._known[level][at] = True
                else:
                    least += 1
            self._least[level][at] = least
        return least < below and self._known[0][row * self._widths[0] + column]


class _Bits:
    """The bits of a packet's header: after FF a byte has seven (B.10.1)."""

    def __init__(self, data: bytes, place: int) -> None:
        self._data = data
        self.place = place
        self._byte = self._left = 0

    def read(self, count: int) -> int:
        value = 0
        for _ in range(count):
            if not self._left:
                self._left = 7 if self._byte == 0xFF else 8
                self._byte = self._next()
            self._left -= 1
            value = value << 1 | (self._byte >> self._left & 1)
        return value

    def finish(self) -> int:
        """Return the place after the header."""
        if self._byte == 0xFF:
            self._next()
        return self.place

    def _next(self) -> int:
        if self.place >= len(self._data):
            raise _ended()
        self.place += 1
        return self._data[self.place - 1]


def _ended() -> Fault:
    return Fault("stream", "a tile ends before its last packet")


def read_packets(
    body: bytes, layout: Layout, style: Style, number: int
) -> tuple[int, list[tuple[int, int]]]:
    """Read all packets of a tile; return where they end and where the bytes of code blocks lie.

    Raises Fault where the tile ends before them.
    """
    place, found = 0, list[tuple[int, int]]()
    for bands, layer in _packets(layout, style, number):
        if style.coding & _MARKED_BEGIN and body[place : place + 2] == b"\xff\x91":
            place += 6
        bits = _Bits(body, place)
        lengths = _read_header(bits, bands, layer, style.blocks) if bits.read(1) else []
        place = bits.finish()
        if style.coding & _MARKED_END:
            if body[place : place + 2] != b"\xff\x92":
                raise Fault("stream", "a packet's header doesn't end where it should")
            place += 2
        for length in lengths:
            found.append((place, place + length))
            place += length
        if place > len(body):
            raise _ended()
    return place, found


def _read_header(bits: _Bits, bands: list[_Band], layer: int, style: int) -> list[int]:
    """Return how many bytes each code block has in a packet (B.10)."""
    lengths = []
    for band in bands:
        for at, block in enumerate(band.blocks):
            row, column = divmod(at, band.width)
            if block.passes:
                if not bits.read(1):
                    continue
            elif not band.included.read(bits, column, row, layer + 1):
                continue
            else:
                planes = 1
                while not band.empty_planes.read(bits, column, row, planes):
                    planes += 1
                    if planes > 164:
                        raise Fault("stream", "a code block without a bit-plane")
            passes = _read_passes(bits)
            while bits.read(1):
                block.length_bits += 1
                if block.length_bits > 64:
                    raise Fault("stream", "a code block longer than any file")
            lengths.append(
                sum(
                    bits.read(block.length_bits + part.bit_length() - 1)
                    for part in _segments(block.passes, passes, style)
                )
            )
            block.passes += passes
    return lengths


def _read_passes(bits: _Bits) -> int:
    """Return a number of coding passes (table B.4)."""
    for width, base in ((1, 1), (1, 2), (2, 3), (5, 6)):
        value = bits.read(width)
        if value != (1 << width) - 1:
            return base + value
    return 37 + bits.read(7)


def _segments(before: int, passes: int, style: int) -> Iterator[int]:
    """Yield how many of a block's new passes share a length (B.10.7, tables D.8 and D.9)."""
    while passes:
        most = passes
        if style & _TERMINATE_ALL:
            most = 1
        elif style & BYPASS:
            after = (before - _BEFORE_BYPASS) % 3  # two raw passes, then one that isn't
            most = _BEFORE_BYPASS - before if before < _BEFORE_BYPASS else (2, 1, 1)[after]
        part = min(most, passes)
        yield part
        before, passes = before + part, passes - part


def _packets(layout: Layout, style: Style, number: int) -> Iterator[tuple[list[_Band], int]]:
    """Yield the bands and the layer of each packet, in the order of progression (B.12.1)."""
    places = []
    for component in range(len(layout.steps)):
        for resolution in range(style.levels + 1):
            for at, x, y, bands in _precincts(layout, style, number, component, resolution):
                key = (
                    (resolution, component, at), (resolution, component, at),
                    (resolution, y, x, component, at), (y, x, component, resolution, at),
                    (component, y, x, resolution, at),
                )[style.order]  # fmt: skip
                places.append((key, bands))
    places.sort(key=lambda place: place[0])
    layers = range(style.layers)
    if style.order == 0:
        yield from ((bands, layer) for layer in layers for _, bands in places)
    elif style.order == 1:
        for resolution in range(style.levels + 1):
            some = [bands for key, bands in places if key[0] == resolution]
            yield from ((bands, layer) for layer in layers for bands in some)
    else:
        yield from ((bands, layer) for _, bands in places for layer in layers)


def _precincts(
    layout: Layout, style: Style, number: int, component: int, resolution: int
) -> Iterator[tuple[int, int, int, list[_Band]]]:
    """Yield number, place on the grid and bands of the precincts of a resolution (B.5 to B.7)."""
    step_x, step_y = layout.steps[component]
    x0, y0, x1, y1 = layout.bounds(number)
    tile = (-(-x0 // step_x), -(-y0 // step_y), -(-x1 // step_x), -(-y1 // step_y))
    power = style.levels - resolution
    left, top, right, bottom = (-(-side // (1 << power)) for side in tile)
    if left >= right or top >= bottom:
        return
    wide, high = style.precincts[resolution]
    columns = range(left >> wide, -(-right // (1 << wide)))
    rows = range(top >> high, -(-bottom // (1 << high)))
    for at, (row, column) in enumerate((row, column) for row in rows for column in columns):
        x = max(x0, (column << wide + power) * step_x)
        y = max(y0, (row << high + power) * step_y)
        yield at, x, y, _bands(style, tile, resolution, column, row)


def _bands(
    style: Style, tile: tuple[int, int, int, int], resolution: int, column: int, row: int
) -> list[_Band]:
    """Return the bands of a precinct."""
    lowest = resolution == 0
    level = style.levels if lowest else style.levels - resolution + 1
    wide, high = (size - (not lowest) for size in style.precincts[resolution])
    bands = []
    for shift_x, shift_y in ((0, 0),) if lowest else ((1, 0), (0, 1), (1, 1)):
        half = (1 << level) >> 1
        shifts = (half * shift_x, half * shift_y) * 2
        edges = [
            -(-(side - shift) // (1 << level)) for side, shift in zip(tile, shifts, strict=True)
        ]
        left, right = max(edges[0], column << wide), min(edges[2], column + 1 << wide)
        top, bottom = max(edges[1], row << high), min(edges[3], row + 1 << high)
        block_x, block_y = min(style.block[0], wide), min(style.block[1], high)
        if left >= right or top >= bottom:
            continue
        bands.append(
            _Band(
                -(-right // (1 << block_x)) - (left >> block_x),
                -(-bottom // (1 << block_y)) - (top >> block_y),
            )
        )
    return bands
