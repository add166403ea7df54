"""Tests a JPEG file: a walk over its markers, and a decode that lets no warning pass."""

import io
from dataclasses import replace
from typing import Any

from cxr_duck.images.formats.byte_window import ByteWindow
from cxr_duck.images.formats.exif import turned
from cxr_duck.images.formats.jpeg_codes import follow_codes
from cxr_duck.images.formats.jpeg_markers import ARITHMETIC, LS_FRAME, Frame, Markers
from cxr_duck.images.formats.verdict import Fault, Verdict

__all__ = ["BIGGEST", "LARGEST", "examine_jpeg", "verify_frame"]

BIGGEST = 1 << 29  # bytes of a file that is read into memory
LARGEST = 178_956_970  # pixels; the most that Pillow decodes, and far more than a film has

_COLORS = {1: "gray", 3: "rgb", 4: "cmyk"}
_DECODED = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)  # by libjpeg-turbo, where they have 8 bits
_FOLLOWED = (0xC0, 0xC1, 0xC3)  # whose codes can be followed here
_UNKNOWN_SAMPLING = "subsampling"  # TurboJPEG's word for factors that it has no name for


def examine_jpeg(reader: ByteWindow, *, quick: bool = False) -> Verdict:
    """Return the verdict on a JPEG file whose first two bytes were seen.

    It is decoded at an eighth of its size: every code is read, at the least cost. With `quick` only
    its markers are looked at, which the detail says. Raises OSError as the stream does.
    """
    data = reader.read_rest(BIGGEST)
    if data is None:
        return Verdict("untested", "too large", f"over {BIGGEST} bytes", format="jpeg")
    walk = Markers(data)
    try:
        walk.run()
        if not quick:
            _test_pixels(walk)
        _refuse_undecoded(walk)
    except Fault as fault:
        found = Verdict(fault.verdict, fault.reason, fault.detail or None, fault.offset)
        return _described(found, walk)
    after = len(data) - walk.place
    notes = [
        "pixels not decoded" if quick else "",
        turned(walk.orientation),
        f"{after} bytes after the end" if after else "",
    ]
    return _described(Verdict("ok", None, "; ".join(filter(None, notes)) or None), walk)


def verify_frame(data: bytes) -> Frame:
    """Test a JPEG image within another file, of any kind; return its frame's header.

    Raises Fault: damaged, or untested where its pixels can't be verified here.
    """
    walk = Markers(data)
    walk.run()
    _test_pixels(walk)
    assert walk.frame is not None
    return walk.frame


def _described(verdict: Verdict, walk: Markers) -> Verdict:
    """Return a verdict with what the frame's header says."""
    if not (frame := walk.frame):
        return replace(verdict, format="jpeg")
    return replace(
        verdict,
        format="jpeg",
        width=frame.width,
        height=frame.height,
        bits=frame.bits,
        color=_COLORS.get(len(frame.components)),
    )


def _refuse_undecoded(walk: Markers) -> None:
    """Raise Fault where a sound file is of a kind whose pixels nothing here decodes."""
    frame = walk.frame
    assert frame is not None
    if frame.marker not in _DECODED or frame.bits != 8:
        raise Fault("no decoder", f"{_kind(frame)}: it can't be decoded here", verdict="untested")


def _kind(frame: Frame) -> str:
    return f"a {frame.process} of {frame.bits} bits a sample"


def _test_pixels(walk: Markers) -> None:
    """Test every code of the pixels. Raises Fault."""
    frame = walk.frame
    assert frame is not None
    if not frame.height:
        raise Fault("no decoder", "it has no height", verdict="untested")
    if frame.width * frame.height > LARGEST:
        raise Fault(
            "too large", f"it has {frame.width} x {frame.height} pixels", verdict="untested"
        )
    if frame.bits == 8 and frame.marker in _DECODED:
        _decode(walk, frame)
    elif frame.marker in _FOLLOWED:
        follow_codes(walk)
    elif frame.marker != LS_FRAME:  # whose decoder is strict
        raise _unverified(frame)
    if frame.marker in ARITHMETIC:  # whose decoder takes any bytes, and takes zeros at the end
        raise _unverified(frame)


def _unverified(frame: Frame) -> Fault:
    detail = f"{_kind(frame)}: this compression can't be verified here"
    return Fault("no decoder", detail, verdict="untested")


def _decode(walk: Markers, frame: Frame) -> None:
    """Decode all of it. Raises Fault."""
    import simplejpeg

    try:
        image = walk.image()
        small = simplejpeg.decode_jpeg(image, "GRAY", min_height=1, min_width=1, min_factor=8)
        if small.min() != small.max():
            return
        color = {1: "GRAY", 4: "CMYK"}.get(len(frame.components), "RGB")
        pixels = simplejpeg.decode_jpeg(image, color)
    except ValueError as error:
        if _UNKNOWN_SAMPLING not in str(error):
            raise Fault("decode", str(error)) from error
        pixels = _decode_rare_sampling(walk, frame)
    if (pixels == pixels[0, 0]).all():
        raise Fault("constant", "", verdict="suspect")


def _decode_rare_sampling(walk: Markers, frame: Frame) -> Any:
    """Return the pixels of sampling factors that T.81 allows and few encoders take (B.2.2)."""
    import numpy
    from PIL import Image

    if not all(1 <= part.across <= 4 and 1 <= part.down <= 4 for part in frame.components):
        raise Fault("header", "a sampling factor is not 1 to 4")
    if frame.marker not in _FOLLOWED:
        raise _unverified(frame)
    follow_codes(walk)
    try:
        with Image.open(io.BytesIO(walk.image()), formats=("JPEG",)) as image:
            return numpy.asarray(image)
    except Exception as error:  # which codes that are all there don't explain
        factors = ", ".join(f"{part.across} x {part.down}" for part in frame.components)
        detail = f"its sampling factors {factors} can't be decoded here"
        raise Fault("no decoder", detail, verdict="untested") from error
