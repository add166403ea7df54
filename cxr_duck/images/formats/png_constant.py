"""Whether all pixels of a PNG are the same, told from its filtered rows."""

from typing import TYPE_CHECKING

from cxr_duck.images.formats.png_header import Header, Pass

if TYPE_CHECKING:
    import numpy
    import numpy.typing

    Bytes = numpy.typing.NDArray[numpy.uint8]

__all__ = ["Sameness"]

_LONGEST = 1 << 22  # bytes of a row; longer ones aren't looked at


class Sameness:
    """Follows the rows for as long as all pixels are the same; of most films, the first row.

    A filter can be undone, so a row is that of a constant image where its bytes are exactly those
    that its filter makes of the constant row (PNG standard, section 9.2).
    """

    def __init__(self, header: Header, passes: list[Pass]) -> None:
        self.holds = all(one.row_bytes <= _LONGEST for one in passes)
        self._header = header
        self._passes = iter(passes)
        self._pass: Pass | None = None
        self._row = 0
        self._pixel = b""
        self._constant: Bytes | None = None
        self._filtered: dict[tuple[int, bool], bytes] = {}
        self._rest = b""
        self._spare = 0  # bits at the end of a row that are no pixel's
        self._last = 0  # the last byte of the row above, unfiltered

    def test(self, piece: bytes) -> None:
        """Follow some more of the rows; `holds` is false once two pixels differ."""
        rows = self._rest + piece
        place = 0
        while self.holds:
            if self._pass is None or self._row == self._pass.rows:
                self._pass = next(self._passes, None)
                self._row, self._constant, self._filtered = 0, None, {}
            if self._pass is None or len(rows) - place < self._pass.stride:
                break
            self.holds = self._fits(rows[place], rows[place + 1 : place + self._pass.stride])
            place += self._pass.stride
            self._row += 1
        self._rest = rows[place:] if self.holds else b""

    def _fits(self, name: int, row: bytes) -> bool:
        first = self._row == 0
        if first:
            self._begin(row)
        if (name, first) not in self._filtered:
            self._filtered[name, first] = self._filter(name, first)
        if self._spare:
            return row[:-1] == self._filtered[name, first][:-1] and self._ends(name, row[-1])
        return row == self._filtered[name, first]

    def _begin(self, row: bytes) -> None:
        """Set what an unfiltered row of the pass must be."""
        import numpy

        assert self._pass is not None
        step = max(1, self._header.pixel_bits // 8)
        self._pixel = self._pixel or self._first_pixel(row[:step])  # filters leave the first one
        self._constant = numpy.frombuffer(self._pixel * (len(row) // step), numpy.uint8)
        self._spare = -self._pass.width * self._header.pixel_bits % 8
        self._last = 0

    def _ends(self, name: int, byte: int) -> bool:
        """Whether the last byte of a row is right, whose spare bits may be anything."""
        assert self._constant is not None
        left = int(self._constant[-1]) if len(self._constant) > 1 else 0
        above, corner = self._last, left if self._row else 0
        guess = left + above - corner
        nearest = min((left, above, corner), key=lambda value: abs(guess - value))
        self._last = (byte + (0, left, above, (left + above) // 2, nearest)[name]) & 255
        return self._last >> self._spare == int(self._constant[-1]) >> self._spare

    def _first_pixel(self, begin: bytes) -> bytes:
        bits = self._header.pixel_bits
        if bits >= 8:
            return begin
        value = begin[0] >> (8 - bits)
        return bytes([sum(value << shift for shift in range(0, 8, bits))])

    def _filter(self, name: int, first: bool) -> bytes:
        """Return what a filter makes of the constant row, below none or below its like."""
        import numpy

        assert self._constant is not None
        row = self._constant.astype("int16")
        step = max(1, self._header.pixel_bits // 8)
        left = numpy.concatenate([numpy.zeros(step, "int16"), row])[: len(row)]
        above, before = (row * 0, left * 0) if first else (row, left)
        if name == 4:
            guess = left + above - before
            far = [abs(guess - left), abs(guess - above), abs(guess - before)]
            nearest = numpy.where(far[1] <= far[2], above, before)
            taken = numpy.where((far[0] <= far[1]) & (far[0] <= far[2]), left, nearest)
        else:
            taken = (row * 0, left, above, (left + above) // 2)[name]
        return ((row - taken) & 255).astype("uint8").tobytes()
