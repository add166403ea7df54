"""Tests a PNG file to its last byte, by the PNG standard (third edition)."""

import struct

from cxr_duck.images.formats import inflate
from cxr_duck.images.formats.byte_window import ByteWindow
from cxr_duck.images.formats.exif import turned
from cxr_duck.images.formats.jpeg import LARGEST
from cxr_duck.images.formats.png_chunks import HEAD, HEAD_OF_EXIF, Chunks
from cxr_duck.images.formats.png_pixels import CompressedPixels
from cxr_duck.images.formats.verdict import Fault, Verdict

__all__ = ["SIGNATURE", "examine_png"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BEGIN = struct.Struct(">I4s")  # of a chunk: length and type
_LINK = struct.Struct(">II4s")  # the CRC of a chunk, and the begin of the next
_NUMBER = struct.Struct(">I")


def examine_png(reader: ByteWindow, *, quick: bool = False) -> Verdict:
    """Return the verdict on a PNG file whose signature was seen; in bounded memory.

    The walk goes over all chunks: their order, lengths and CRCs; the pixels are inflated to exactly
    the length that the header promises, with the right Adler-32 sum and filters that exist. With
    `quick` the pixels are not looked at, which the detail says. Raises OSError as the stream does.
    """
    walk = _Walk(reader, quick)
    try:
        walk.run()
    except Fault as fault:
        return walk.verdict(fault.verdict, fault.reason, fault.detail, fault.offset)
    notes = walk.notes()
    if walk.pixels and walk.pixels.constant:
        return walk.verdict("suspect", "constant", notes)
    return walk.verdict("ok", None, notes)


class _Walk:
    def __init__(self, reader: ByteWindow, quick: bool) -> None:
        self.pixels: CompressedPixels | None = None
        self._reader = reader
        self._quick = quick
        self._chunks = Chunks()
        self._crc32 = inflate.checksum()
        self._waiting: list[memoryview] = []  # compressed pixels within the reader's window
        self._waiting_from = 0
        self._fault: Fault | None = None  # of the pixels; told once their chunk was found whole
        self._after = 0

    def run(self) -> None:
        """Test every byte. Raises Fault."""
        self._reader.start += len(SIGNATURE)
        name, kind = "", b""
        while name != "IEND":
            self._need(8, "a chunk begins")
            offset = self._reader.offset
            length, kind_here = _BEGIN.unpack_from(self._reader.view, self._reader.start)
            if kind_here != b"IDAT" or kind != kind_here or length >= 1 << 31:
                name, kind = self._chunks.admit(kind_here, length, offset), kind_here
            self._read(name, length, offset)
            if name == "IDAT" and not self._fault:
                self._run_on()
            if self._fault:
                raise self._fault
        self._hand_on()
        if self._fault:
            raise self._fault
        if self.pixels:
            self.pixels.finish()
        self._after = self._reader.skip_rest()

    def _read(self, name: str, length: int, offset: int) -> None:
        """Read a chunk of whatever length, check its CRC, and keep what is of use."""
        reader = self._reader
        crc = self._crc32(reader.view[reader.start + 4 : reader.start + 8])
        reader.start += 8
        is_pixels, begin = name == "IDAT", b""
        head = HEAD_OF_EXIF if name == "eXIf" else HEAD
        while length:
            if reader.start == reader.end:
                self._need(1, f"{name} does")
            part = reader.view[reader.start : min(reader.end, reader.start + length)]
            crc = self._crc32(part, crc)
            if is_pixels:
                if not self._waiting:
                    self._waiting_from = reader.offset
                self._waiting.append(part)
            elif len(begin) < head:
                begin += bytes(part[: head - len(begin)])
            reader.start += len(part)
            length -= len(part)
        self._need(4, f"the CRC of {name} does")
        if crc != _NUMBER.unpack_from(reader.view, reader.start)[0]:
            raise Fault("crc", f"the CRC of {name} doesn't fit", offset)
        reader.start += 4
        if not is_pixels:
            self._take(name, begin, offset)

    def _run_on(self) -> None:
        """Read the IDAT chunks that follow whole in the window; the first odd one is left."""
        view, place, end = self._reader.view, self._reader.start, self._reader.end - 8
        crc32, link, waiting = self._crc32, _LINK.unpack_from, self._waiting
        if not waiting:
            self._waiting_from = self._reader.offset + 8
        if place > end:
            return
        length, kind = _BEGIN.unpack_from(view, place)
        while kind == b"IDAT" and (after := place + 12 + length) <= end:
            crc, length, kind = link(view, after - 4)
            if crc32(view[place + 4 : after - 4]) != crc:
                break
            if self.pixels:
                waiting.append(view[place + 8 : after - 4])
            place = after
        self._reader.start = place

    def _take(self, name: str, begin: bytes, offset: int) -> None:
        self._chunks.read(name, begin, offset)
        if name == "IHDR" and self._chunks.header and not self._quick:
            self.pixels = CompressedPixels(self._chunks.header)

    def _need(self, count: int, where: str) -> None:
        """Have so many bytes ready; those before them are handed on, for they may go."""
        reader = self._reader
        if reader.end - reader.start < count:
            self._hand_on()
            if not reader.has(count):
                raise Fault("truncated", f"the file ends before {where}", self._reader.offset)

    def _hand_on(self) -> None:
        """Give the compressed pixels on, joined: many files have thousands of small chunks."""
        waiting, self._waiting = self._waiting, []
        if not waiting or self.pixels is None or self._fault:
            return
        try:
            self.pixels.feed(waiting[0] if len(waiting) == 1 else b"".join(waiting))
        except Fault as fault:
            self._fault = Fault(fault.reason, fault.detail, self._waiting_from)

    def notes(self) -> str | None:
        """Say what is odd but no damage, and what wasn't looked at."""
        surplus = self.pixels.surplus if self.pixels else 0
        header = self._chunks.header
        many = header is not None and header.width * header.height > LARGEST
        notes = [
            "pixels not inflated" if self._quick else "",
            f"{self._after} bytes after the end" if self._after else "",
            f"{surplus} bytes after the compressed pixels" if surplus else "",
            "an animation, of which the still image was tested" if self._chunks.frames else "",
            turned(self._chunks.orientation),
            "so many pixels that Pillow opens it only when told to" if many else "",
        ]
        return "; ".join(note for note in notes if note) or None

    def verdict(
        self, verdict: str, reason: str | None, detail: str | None, offset: int | None = None
    ) -> Verdict:
        """Return a verdict with what the header says."""
        header = self._chunks.header
        if header is None:
            return Verdict(verdict, reason, detail, offset, "png")
        size = (header.width, header.height, header.bits, header.color)
        return Verdict(verdict, reason, detail, offset, "png", *size)
