"""Tests each frame of a DICOM file by the rules of its compression, then decodes it."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from cxr_duck.images.formats import jpeg, jpeg2000
from cxr_duck.images.formats.run_lengths import verify_run_lengths
from cxr_duck.images.formats.verdict import Fault

if TYPE_CHECKING:
    import numpy

__all__ = ["decode_frames", "first_reason", "frames_of", "verify_frames"]

_UID = "1.2.840.10008.1.2."
_RLE = _UID + "5"
_JPEG = {_UID + f"4.{number}" for number in (50, 51, 57, 70)}
_JPEG_LS = {_UID + f"4.{number}" for number in (80, 81)}
_JPEG_2000 = {_UID + f"4.{number}" for number in (90, 91)}
# The one decoder that pydicom may take; without a name it takes the first that is installed.
# Of RLE the compiled one aborts on damaged files, and of JPEG-LS all but CharLS fill up what lacks.
_PLUGINS = {_RLE: "pydicom", **dict.fromkeys(_JPEG_LS, "pyjpegls")}
_INSTALL = "pip install 'cxr-duck[dicom]'"


def verify_frames(dataset: Any) -> None:
    """Test all frames of compressed pixels, and decode them. Raises Fault.

    A compression whose decoder takes what is cut, and that isn't followed here, is untested.
    """
    from pydicom.encaps import generate_frames

    syntax = dataset.file_meta.TransferSyntaxUID
    verify = _verifier(dataset, str(syntax))
    _refuse_without_decoder(syntax)
    count = frames_of(dataset)
    found = 0
    try:
        for frame in generate_frames(dataset.PixelData, number_of_frames=count):
            _verify(verify, frame, found + 1, count)
            found += 1
    except Fault:
        raise
    except Exception as error:  # a damaged file can make a parser fail in any way
        raise Fault("chunk", f"its frames can't be told apart: {first_reason(error)}") from error
    if found != count:
        raise Fault("length", f"{found} compressed frames, the header promises {count}")
    decode_frames(dataset, _PLUGINS.get(str(syntax), ""))


def frames_of(dataset: Any) -> int:
    """Return the number of frames that a dataset tells of, 1 where it tells none."""
    return int(dataset.get("NumberOfFrames") or 1)


def _verifier(dataset: Any, syntax: str) -> Callable[[bytes], None]:
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    samples = int(dataset.get("SamplesPerPixel") or 1)
    if syntax == _RLE:
        planes = samples * (int(dataset.BitsAllocated) // 8)
        return lambda frame: verify_run_lengths(frame, planes, rows * columns)

    def fits(width: int, height: int, parts: int) -> None:
        if (width, height, parts) != (columns, rows, samples):
            raise Fault(
                "header",
                f"{width} x {height} pixels of {parts} samples, the file's header promises "
                f"{columns} x {rows} of {samples}",
            )

    def as_jpeg(frame: bytes) -> None:
        found = jpeg.verify_frame(frame)
        fits(found.width, found.height, len(found.components))

    def as_jpeg_2000(frame: bytes) -> None:
        found = jpeg2000.verify_code_stream(frame)
        fits(found.width, found.height, found.components)

    if syntax in _JPEG | _JPEG_LS:
        return as_jpeg
    if syntax in _JPEG_2000:
        return as_jpeg_2000
    name = dataset.file_meta.TransferSyntaxUID.name
    detail = f"{name}: this compression can't be verified here"
    raise Fault("no decoder", detail, verdict="untested")


def _verify(verify: Callable[[bytes], None], frame: bytes, number: int, count: int) -> None:
    try:
        verify(frame)
    except Fault as fault:
        if fault.reason == "constant":  # of one frame; all of them are compared below
            return
        where = f"frame {number} of {count}: " if count > 1 else ""
        raise Fault(fault.reason, where + fault.detail, verdict=fault.verdict) from fault


def _refuse_without_decoder(syntax: Any) -> None:
    from pydicom.pixels.decoders.base import get_decoder

    plugin = _PLUGINS.get(str(syntax))
    decoder = get_decoder(syntax)
    if not decoder.is_available or (plugin and plugin not in decoder.available_plugins):
        detail = f"no strict decoder of {syntax.name} is installed: {_INSTALL}"
        raise Fault("no decoder", detail, verdict="untested")


def decode_frames(dataset: Any, plugin: str = "") -> None:
    """Decode all frames, one at a time. Raises Fault, also where all pixels are the same."""
    from pydicom.pixels.utils import iter_pixels

    area = int(dataset.Rows) * int(dataset.Columns)
    try:
        refuse_constant(
            frame.reshape(area, -1)
            for frame in iter_pixels(dataset, raw=True, decoding_plugin=plugin)
        )
    except Fault:
        raise
    except Exception as error:  # a damaged file can make a decoder fail in any way
        raise Fault("decode", first_reason(error)) from error


def refuse_constant(parts: "Iterator[numpy.ndarray]") -> None:
    """Take all parts; raise Fault, suspect, where all their pixels are the same."""
    first, differs, seen = None, False, False
    for pixels in parts:
        seen = True
        first = pixels[0] if first is None else first
        differs = differs or bool((pixels[:4096] != first).any() or (pixels != first).any())
    if seen and not differs:
        raise Fault("constant", "", verdict="suspect")


def first_reason(error: Exception) -> str:
    """Return what an error says, on one line.

    pydicom tells on its first line that all decoders failed, then why, a line each.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = "; ".join(lines[1:]) if len(lines) > 1 and lines[0].endswith(":") else "".join(lines[:1])
    return told or type(error).__name__
