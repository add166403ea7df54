"""The rules of PNG chunks: which may stand where, and how long they are.

Of ancillary chunks those rules count that decoders insist on.
"""

import struct

from cxr_duck.images.formats.exif import UPRIGHT, exif_orientation
from cxr_duck.images.formats.png_header import Header, read_header
from cxr_duck.images.formats.verdict import Fault

__all__ = ["HEAD", "HEAD_OF_EXIF", "Chunks"]

HEAD = 81  # bytes of a chunk that are looked at here: a name of 79, its end, a method
HEAD_OF_EXIF = 1 << 16  # bytes, as many as a JPEG holds

_LONGEST = (1 << 31) - 1
_CRITICAL = {"IHDR", "PLTE", "IDAT", "IEND"}
_NEEDED = {
    "IHDR": 13, "gAMA": 4, "cHRM": 32, "sRGB": 1, "pHYs": 9, "acTL": 8, "fcTL": 26, "fdAT": 4,
}  # fmt: skip
_MOST = {"IHDR": 13, "IEND": 0}
_TRANSPARENT = {0: 2, 2: 6}


class Chunks:
    """Admits the chunks of a file one after the other; knows what those so far have said."""

    def __init__(self) -> None:
        self.header: Header | None = None
        self.frames = 0
        self.orientation = UPRIGHT
        self._last = ""
        self._palette = 0
        self._seen: set[str] = set()
        self._sequence = 0

    def admit(self, kind: bytes, length: int, offset: int) -> str:
        """Return the name of a chunk that may stand where it does. Raises Fault."""
        if not (kind.isascii() and kind.isalpha() and kind[2:3].isupper()):
            raise Fault("chunk", f"{kind!r} is no name of a chunk", offset)
        name = kind.decode("ascii")
        trouble = self._misplaced(name) or self._misfit(name, length)
        if trouble:
            raise Fault("chunk", trouble, offset)
        self._last = name
        self._seen.add(name)
        return name

    def _misplaced(self, name: str) -> str | None:
        """Say what is wrong with where a chunk stands."""
        seen, color = self._seen, self.header.color if self.header else ""
        rules = (
            (name == "IHDR" and "IHDR" in seen, "IHDR stands twice"),
            (name != "IHDR" and "IHDR" not in seen, f"{name} stands before IHDR"),
            (name == "IDAT" and "IDAT" in seen and self._last != "IDAT",
             f"{self._last} stands between IDAT chunks"),
            (name == "IDAT" and color == "palette" and not self._palette,
             "there is no palette before the pixels"),
            (name == "IEND" and "IDAT" not in seen, "there is no IDAT"),
            (name == "fdAT" and not {"IDAT", "fcTL"} <= seen, "fdAT stands before IDAT or fcTL"),
            (name == "PLTE" and color in ("gray", "gray+alpha"), "a gray image has a palette"),
            (name == "PLTE" and "PLTE" in seen, "PLTE stands twice"),
            (name == "PLTE" and "IDAT" in seen, "PLTE stands after IDAT"),
            (name[0].isupper() and name not in _CRITICAL,
             f"{name} is needed to read the pixels, and is unknown"),
        )  # fmt: skip
        return next((trouble for broken, trouble in rules if broken), None)

    def _misfit(self, name: str, length: int) -> str | None:
        """Say what is wrong with a chunk's length."""
        least, most = _NEEDED.get(name, 0), _MOST.get(name, _LONGEST)
        if name == "tRNS" and self.header:
            least = _TRANSPARENT.get(self.header.color_type, 0)
            most = (self._palette or 256) if self.header.color == "palette" else most
        elif name == "PLTE" and self.header:
            least = 3
            most = 3 << (self.header.bits if self.header.color == "palette" else 8)
            self._palette = length // 3
        if not least <= length <= most or (name == "PLTE" and length % 3):
            return f"{name} can't have {length} bytes"
        return None

    def read(self, name: str, begin: bytes, offset: int) -> None:
        """Take what the first bytes of a chunk say, once its checksum was found right."""
        trouble = None
        if name == "IHDR":
            try:
                self.header = read_header(begin)
            except Fault as fault:
                raise Fault(fault.reason, fault.detail, offset) from None
        elif name in ("iCCP", "zTXt"):
            end = begin.find(b"\0", 0, 80)
            if end < 1 or begin[end + 1 : end + 2] != b"\0":
                trouble = f"{name} has no name, or an unknown compression"
        elif name == "eXIf":
            self.orientation = exif_orientation(begin)
        elif name in ("fcTL", "fdAT"):
            trouble = self._out_of_order(name, begin)
        if trouble:
            raise Fault("chunk", trouble, offset)

    def _out_of_order(self, name: str, begin: bytes) -> str | None:
        """Say what is wrong with a frame of an animation (PNG standard, section 11.3.6)."""
        number = int.from_bytes(begin[:4], "big")
        if number != self._sequence:
            return f"{name} has the number {number} where {self._sequence} follows"
        self._sequence += 1
        if name == "fdAT" or self.header is None:
            return None
        self.frames += 1
        width, height, left, top = struct.unpack(">4I", begin[4:20])
        whole = (self.header.width, self.header.height)
        fits = left + width <= whole[0] and top + height <= whole[1] and width and height
        if not fits or ("IDAT" not in self._seen and (width, height) != whole):
            return "a frame of an animation doesn't fit the image"
        return None
