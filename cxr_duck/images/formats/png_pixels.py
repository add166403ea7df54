"""The compressed pixels of a PNG: inflated in pieces to exactly the length that was promised."""

from cxr_duck.images.formats.inflate import Inflater
from cxr_duck.images.formats.png_constant import Sameness
from cxr_duck.images.formats.png_header import Header
from cxr_duck.images.formats.verdict import Fault

__all__ = ["CompressedPixels"]

_FILTERS = bytes(range(5))


class CompressedPixels:
    """What all IDAT chunks hold together, one zlib stream, tested as it comes."""

    def __init__(self, header: Header) -> None:
        passes = header.passes()
        self._size = sum(one.bytes for one in passes)
        self._begin = bytearray()
        self._inflater: Inflater | None = None
        self._position = 0  # in what was inflated
        self._rows = _RowFilters([(one.bytes, one.stride) for one in passes])
        self._same = Sameness(header, passes)
        self.surplus = 0

    @property
    def constant(self) -> bool:
        """Whether all pixels are the same, once all of them were seen."""
        return self._same.holds

    def feed(self, data: bytes | memoryview) -> None:
        """Test some more bytes. Raises Fault."""
        if self._inflater is None:
            self._begin += data
            if len(self._begin) < 2:
                return
            self._inflater = Inflater(bytes(self._begin[:2]), self._size)
            data = bytes(self._begin)
        elif self._inflater.ended:
            self.surplus += len(data)
            return
        for piece in self._inflater.feed(data):
            self._test(piece)
        self.surplus = self._inflater.unused

    def _test(self, piece: bytes) -> None:
        begin, self._position = self._position, self._position + len(piece)
        if self._position > self._size:
            raise Fault("length", f"there are more pixels than the header's {self._size} bytes")
        self._rows.test(piece, begin)
        if self._same.holds:
            self._same.test(piece)

    def finish(self) -> None:
        """Test that the end was reached, and all pixels with it. Raises Fault."""
        if self._inflater is None or not self._inflater.ended:
            raise Fault("stream", "the compressed pixels stop before their end")
        if self._position < self._size:
            raise Fault(
                "length", f"{self._position} bytes of pixels, the header promises {self._size}"
            )


class _RowFilters:
    """The first byte of each row, which names its filter: 0 to 4 (PNG standard, section 9.2)."""

    def __init__(self, passes: list[tuple[int, int]]) -> None:
        self._passes = iter(passes)
        self._end = 0  # of the pass
        self._stride = 1
        self._next = 0  # the first byte of the next row
        self._row = 0

    def test(self, piece: bytes, begin: int) -> None:
        """Test the rows that begin in a piece, which begins at a place. Raises Fault."""
        while self._next < begin + len(piece):
            if self._next == self._end:
                size, self._stride = next(self._passes)
                self._end += size
            filters = piece[self._next - begin : self._end - begin : self._stride]
            if unknown := filters.translate(None, _FILTERS):
                row = self._row + filters.index(unknown[0])
                raise Fault("filter", f"row {row} has filter {unknown[0]}, which doesn't exist")
            self._row += len(filters)
            self._next += len(filters) * self._stride
