"""Tests a DICOM file: are there as many bytes of pixels as it promises, and do they decode."""

import functools
import io
import logging
import warnings
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cxr_duck.images.formats.byte_window import ByteWindow
from cxr_duck.images.formats.jpeg import BIGGEST, LARGEST, examine_frame
from cxr_duck.images.formats.verdict import Fault, Verdict

if TYPE_CHECKING:
    import numpy

__all__ = ["examine_dicom"]

_COLORS = {"MONOCHROME1": "gray", "MONOCHROME2": "gray", "PALETTE COLOR": "palette"}
_JPEG_OF_8_BITS = "1.2.840.10008.1.2.4.50"
_RLE = "1.2.840.10008.1.2.5"
_DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"  # ends a sequence, that of compressed frames too
_UNDEFINED = 0xFFFFFFFF


def examine_dicom(reader: ByteWindow, *, quick: bool = False) -> Verdict:
    """Return the verdict on a DICOM file whose preamble was seen.

    Uncompressed pixels have to be as many bytes as rows, columns, samples, bits and frames promise
    (DICOM PS3.5, section 8.1.1); compressed ones are decoded, unless `quick`, which the detail
    says. Without pydicom, or a decoder for their compression, the verdict is untested. Raises
    OSError as the stream does.
    """
    data = reader.read_rest(BIGGEST)
    if data is None:
        return Verdict("untested", "too large", f"over {BIGGEST} bytes", format="dicom")
    try:
        import pydicom
    except ImportError:
        detail = "pydicom is not installed: pip install 'cxr-duck[dicom]'"
        return Verdict("untested", "no decoder", detail, format="dicom")
    _silence()
    dataset = pydicom.Dataset()
    try:
        dataset = _read(data)
        note = _test(dataset, data, quick)
    except Fault as fault:
        return _verdict(dataset, fault.verdict, fault.reason, fault.detail or None)
    except Exception as error:  # a damaged file can make a parser fail in any way
        return _verdict(dataset, "damaged", "chunk", f"it can't be read: {_first_line(error)}")
    return _verdict(dataset, "ok", None, note)


@functools.cache
def _silence() -> None:
    """Keep the libraries quiet: what they say of a file, its verdict says."""
    warnings.filterwarnings("ignore", module="pydicom")
    for name in ("pydicom", "pylibjpeg", "openjpeg", "libjpeg"):
        logging.getLogger(name).addHandler(logging.NullHandler())


def _read(data: bytes) -> Any:
    import pydicom

    stream = io.BytesIO(data)
    pydicom.filereader.read_preamble(stream, force=False)
    meta = pydicom.filereader._read_file_meta_info(stream)
    if str(meta.get("TransferSyntaxUID")) == pydicom.uid.DeflatedExplicitVRLittleEndian:
        _test_deflated(stream.read())
    return pydicom.dcmread(io.BytesIO(data))


def _test_deflated(part: bytes) -> None:
    """Refuse a deflated file that would take more memory than any film needs."""
    inflater, size = zlib.decompressobj(wbits=-15), 0
    while part and not inflater.eof:
        try:
            size += len(inflater.decompress(part, 1 << 20))
        except zlib.error as error:
            raise Fault("stream", f"it can't be inflated: {error}") from error
        if size > BIGGEST:
            raise Fault("too large", f"it inflates to over {BIGGEST} bytes", verdict="untested")
        part = inflater.unconsumed_tail
    if not inflater.eof:
        raise Fault("truncated", "the file ends before its deflated part does")


def _test(dataset: Any, data: bytes, quick: bool) -> str | None:
    """Test what was read; return what is odd but no damage. Raises Fault."""
    from pydicom.dataelem import RawDataElement

    for element in dataset.values():
        if not isinstance(element, RawDataElement) or element.length == _UNDEFINED:
            continue
        if len(element.value or b"") < element.length and element.tag != 0x7FE00010:
            raise Fault("truncated", f"the file ends within its element {element.tag}")
    if not dataset.get("Rows") or not dataset.get("Columns"):
        raise Fault("header", "it has no rows or columns, or ends before they are told")
    pixels = dataset.get_item("PixelData")
    if pixels is None:
        raise Fault("truncated", "it has no pixels, or ends before they are told whole")
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if syntax is None:
        raise Fault("header", "it doesn't tell how its pixels are encoded")
    if int(dataset.Rows) * int(dataset.Columns) > LARGEST:
        raise Fault(
            "too large", f"it has {dataset.Columns} x {dataset.Rows} pixels", verdict="untested"
        )
    if syntax.is_encapsulated:
        return _test_compressed(dataset, data, quick)
    return _test_length(dataset, getattr(pixels, "length", 0), quick)


def _test_length(dataset: Any, told: int, quick: bool) -> str | None:
    from pydicom.pixels.utils import get_expected_length

    try:
        expected = get_expected_length(dataset)
        row = expected // (dataset.Rows * int(dataset.get("NumberOfFrames") or 1))
    except Exception as error:
        raise Fault("header", f"its pixels can't be counted: {_first_line(error)}") from error
    there = len(dataset.PixelData or b"")
    if there < told != _UNDEFINED:
        raise Fault("truncated", f"the file ends after {there} of {told} bytes of pixels")
    if there < expected or there - expected >= max(row, 2):
        raise Fault("length", f"{there} bytes of pixels, the header promises {expected}")
    if not quick:
        _decode(dataset)
    spare = there - expected - expected % 2
    return f"{spare} bytes after the pixels" if spare > 0 else None


def _test_compressed(dataset: Any, data: bytes, quick: bool) -> str | None:
    from pydicom.pixels.decoders.base import get_decoder

    if _DELIMITER not in data[-len(dataset.PixelData) - (1 << 16) :]:
        raise Fault("truncated", "the file ends before its compressed pixels do")
    if quick:
        return "pixels not decoded"
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        missing = not get_decoder(syntax).is_available
    except NotImplementedError:
        missing = True
    if missing:
        detail = f"no decoder of {syntax.name} is installed: pip install 'cxr-duck[dicom]'"
        raise Fault("no decoder", detail, verdict="untested")
    if syntax == _JPEG_OF_8_BITS:
        _test_jpegs(dataset)
    _decode(dataset)
    return None


def _decode(dataset: Any) -> None:
    """Decode all frames, one at a time. Raises Fault."""
    from pydicom.pixels.utils import iter_pixels

    # Of the decoders of RLE the compiled one aborts on damaged files, and talks.
    plugin = "pydicom" if dataset.file_meta.TransferSyntaxUID == _RLE else ""
    try:
        _test_constant(
            frame.reshape(int(dataset.Rows) * int(dataset.Columns), -1)
            for frame in iter_pixels(dataset, raw=True, decoding_plugin=plugin)
        )
    except Fault:
        raise
    except Exception as error:  # a damaged file can make a decoder fail in any way
        raise Fault("decode", _first_line(error)) from error


def _test_jpegs(dataset: Any) -> None:
    """Hold JPEG frames to what JPEG files are held to: their decoders let warnings pass."""
    from pydicom.encaps import generate_frames

    count = int(dataset.get("NumberOfFrames") or 1)
    for frame in generate_frames(dataset.PixelData, number_of_frames=count):
        found = examine_frame(frame)
        if found.verdict == "damaged":
            raise Fault(found.reason or "decode", f"a frame: {found.detail}")


def _test_constant(parts: "Iterator[numpy.ndarray]") -> None:
    first, seen = None, False
    for pixels in parts:
        first = pixels[0] if first is None else first
        if (pixels[:4096] != first).any() or (pixels != first).any():
            return
        seen = True
    if seen:
        raise Fault("constant", "", verdict="suspect")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0] or type(error).__name__


def _verdict(dataset: Any, verdict: str, reason: str | None, detail: str | None) -> Verdict:
    told = {}
    for name in ("Columns", "Rows", "BitsStored", "PhotometricInterpretation"):
        try:
            told[name] = dataset.get(name)
        except Exception:  # a value that can't be read isn't told
            told[name] = None
    width, height, bits, kind = told.values()
    width, height, bits = (
        number if isinstance(number, int) and 0 <= number < 1 << 31 else None
        for number in (width, height, bits)
    )
    color = _COLORS.get(str(kind), "rgb") if kind else None
    return Verdict(verdict, reason, detail, None, "dicom", width, height, bits, color)
