"""Tests a DICOM file: are there as many bytes of pixels as it promises, and do they decode."""

import io
import zlib
from typing import Any

from cxr_duck.images.formats.byte_window import ByteWindow
from cxr_duck.images.formats.dicom_frames import (
    decode_frames,
    first_reason,
    frames_of,
    verify_frames,
)
from cxr_duck.images.formats.jpeg import BIGGEST, LARGEST
from cxr_duck.images.formats.silence import silence_libraries
from cxr_duck.images.formats.verdict import Fault, Verdict

__all__ = ["examine_dicom"]

_COLORS = {"MONOCHROME1": "gray", "MONOCHROME2": "gray", "PALETTE COLOR": "palette"}
_DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"  # ends a sequence, that of compressed frames too
_UNDEFINED = 0xFFFFFFFF


def examine_dicom(reader: ByteWindow, *, quick: bool = False) -> Verdict:
    """Return the verdict on a DICOM file whose preamble was seen.

    Uncompressed pixels have to be as many bytes as rows, columns, samples, bits and frames promise
    (DICOM PS3.5, section 8.1.1); compressed ones are followed code by code, and decoded, all frames
    of them, unless `quick`, which the detail says. The verdict is untested without pydicom, or a
    decoder for their compression, and where a sound file has several frames. Raises OSError as the
    stream does.
    """
    data = reader.read_rest(BIGGEST)
    if data is None:
        return Verdict("untested", "too large", f"over {BIGGEST} bytes", format="dicom")
    try:
        import pydicom
    except ImportError:
        detail = "pydicom is not installed: pip install 'cxr-duck[dicom]'"
        return Verdict("untested", "no decoder", detail, format="dicom")
    silence_libraries()
    dataset = pydicom.Dataset()
    try:
        dataset = _read(data)
        note = _test(dataset, data, quick)
        _refuse_frames(dataset)
    except Fault as fault:
        return _verdict(dataset, fault.verdict, fault.reason, fault.detail or None)
    except Exception as error:  # a damaged file can make a parser fail in any way
        return _verdict(dataset, "damaged", "chunk", f"it can't be read: {first_reason(error)}")
    notes = "; ".join(filter(None, [_note_on_colors(dataset), note]))
    return _verdict(dataset, "ok", None, notes or None)


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
    if pixels is None and ("FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset):
        raise Fault("no film", "its pixels are floating-point numbers", verdict="untested")
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
        raise Fault("header", f"its pixels can't be counted: {first_reason(error)}") from error
    there = len(dataset.PixelData or b"")
    if there < told != _UNDEFINED:
        raise Fault("truncated", f"the file ends after {there} of {told} bytes of pixels")
    if there < expected or there - expected >= max(row, 2):
        raise Fault("length", f"{there} bytes of pixels, the header promises {expected}")
    if not quick:
        decode_frames(dataset)
    spare = there - expected - expected % 2
    return f"{spare} bytes after the pixels" if spare > 0 else None


def _test_compressed(dataset: Any, data: bytes, quick: bool) -> str | None:
    if _DELIMITER not in data[-len(dataset.PixelData) - (1 << 16) :]:
        raise Fault("truncated", "the file ends before its compressed pixels do")
    if quick:
        return "pixels not decoded"
    verify_frames(dataset)
    return None


def _refuse_frames(dataset: Any) -> None:
    if (frames := frames_of(dataset)) > 1:
        raise Fault("no film", f"it has {frames} frames", verdict="untested")


def _note_on_colors(dataset: Any) -> str | None:
    kind = str(dataset.get("PhotometricInterpretation") or "")
    samples = int(dataset.get("SamplesPerPixel") or 1)
    if kind.startswith("PALETTE"):
        return "in color: its pixels are indices of a palette"
    return f"in color: {samples} samples a pixel, {kind}" if samples > 1 else None


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
