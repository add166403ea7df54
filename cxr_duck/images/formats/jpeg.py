"""Tests a JPEG file: a walk over its markers, and a decode that lets no warning pass."""

import io
import re
import struct

from cxr_duck.images.formats.byte_window import ByteWindow
from cxr_duck.images.formats.verdict import Fault, Verdict

__all__ = ["BIGGEST", "LARGEST", "examine_frame", "examine_jpeg"]

BIGGEST = 1 << 29  # bytes of a file that is read into memory
LARGEST = 178_956_970  # pixels; the most that Pillow decodes, and far more than a film has

_COLORS = {1: "gray", 3: "rgb", 4: "cmyk"}
# Of the frames (SOF0 to SOF15) those that aren't lossless, hierarchical or both.
_DECODED = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_METADATA = (0xE0, 0xE2)  # JFIF, and color profiles
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a segment
_NEXT = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # the marker that ends compressed data


def examine_jpeg(reader: ByteWindow, *, quick: bool = False) -> Verdict:
    """Return the verdict on a JPEG file whose first two bytes were seen.

    It is decoded at an eighth of its size: every code is read, at the least cost. With `quick` only
    its markers are looked at, which the detail says. Raises OSError as the stream does.
    """
    data = reader.read_rest(BIGGEST)
    if data is None:
        return Verdict("untested", "too large", f"over {BIGGEST} bytes", format="jpeg")
    walk = _Walk(data)
    try:
        walk.run()
        if not quick:
            _decode(walk)
    except Fault as fault:
        return walk.verdict(fault.verdict, fault.reason, fault.detail or None, fault.offset)
    after = len(data) - walk.place
    notes = ["pixels not decoded" if quick else "", f"{after} bytes after the end" if after else ""]
    return walk.verdict("ok", None, "; ".join(filter(None, notes)) or None)


class _Walk:
    """From marker to marker (ITU-T T.81, annex B) up to the end of the image."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 2
        self.frame: tuple[int, int, int, int, int] | None = None
        self._metadata: list[tuple[int, int]] = []  # from where to where

    def run(self) -> None:
        """Walk; stands after the end of the image then. Raises Fault."""
        scans = 0
        while (marker := self._marker()) != 0xD9:
            if marker in _ALONE:
                continue
            begin = self.place
            length = int.from_bytes(self._take(2), "big")
            if length < 2:
                raise Fault("chunk", f"segment {marker:02X} has {length} bytes", begin - 2)
            content = self._take(length - 2)
            if marker in _METADATA:
                self._metadata.append((begin - 2, self.place))
            if marker in _FRAMES:
                self._read_frame(marker, content, begin - 2)
            elif marker == 0xDA:
                scans += 1
                following = _NEXT.search(self.data, self.place)
                if not following:
                    raise Fault("truncated", "the file ends within the pixels", len(self.data))
                self.place = following.start()
        if not scans or not self.frame:
            raise Fault("chunk", "there are no pixels before the end", self.place - 2)

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
        self.frame = (marker, width, height, bits, content[5])
        if not width or not content[5]:
            raise Fault("header", f"{width} columns of {content[5]} components can't be", offset)

    def verdict(
        self, verdict: str, reason: str | None, detail: str | None, offset: int | None = None
    ) -> Verdict:
        """Return a verdict with what the frame's header says."""
        if not self.frame:
            return Verdict(verdict, reason, detail, offset, "jpeg")
        _, width, height, bits, components = self.frame
        color = _COLORS.get(components)
        return Verdict(verdict, reason, detail, offset, "jpeg", width, height, bits, color)


def _decode(walk: _Walk) -> None:
    """Decode all of it. Raises Fault."""
    import simplejpeg

    assert walk.frame is not None
    marker, width, height, bits, components = walk.frame
    if marker not in _DECODED or bits != 8 or not height:
        kind = "no height" if not height else f"{bits} bits a sample, frame SOF{marker - 0xC0}"
        raise Fault("no decoder", f"it has {kind}", verdict="untested")
    if width * height > LARGEST:
        raise Fault("too large", f"it has {width} x {height} pixels", verdict="untested")
    try:
        image = walk.image()
        small = simplejpeg.decode_jpeg(image, "GRAY", min_height=1, min_width=1, min_factor=8)
        if small.min() != small.max():
            return
        color = {1: "GRAY", 4: "CMYK"}.get(components, "RGB")
        pixels = simplejpeg.decode_jpeg(image, color)
    except ValueError as error:
        raise Fault("decode", str(error)) from error
    if (pixels == pixels[0, 0]).all():
        raise Fault("constant", "", verdict="suspect")


def examine_frame(data: bytes) -> Verdict:
    """Return the verdict on a JPEG image within another file."""
    return examine_jpeg(ByteWindow(io.BytesIO(data)))
