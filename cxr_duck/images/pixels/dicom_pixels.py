"""The pixels of a DICOM file, and what it says of their values."""

from io import BytesIO
from typing import Any

from cxr_duck.images.formats.dicom_frames import follow_frames, strict_plugin
from cxr_duck.images.formats.verdict import Fault
from cxr_duck.images.pixels.decoded import Decoded
from cxr_duck.images.pixels.gray import as_16_bits, gray_of
from cxr_duck.images.pixels.window import sound_bits, sound_rescale, sound_window

__all__ = ["dicom_film"]

_MONOCHROME = {"MONOCHROME1": True, "MONOCHROME2": False}  # whether low values are white


def dicom_film(data: bytes | memoryview) -> Decoded:
    """Return the one film of a DICOM file. Raises OSError, or what a decoder raises."""
    try:
        import pydicom
        import pydicom.pixels.processing
        import pydicom.pixels.utils
    except ImportError:
        raise OSError("it is a DICOM file: install cxr-duck[dicom]") from None
    dataset = pydicom.dcmread(BytesIO(data))
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames != 1:
        raise OSError(f"it has {frames:,} frames, and is no single film")
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        _refuse_unsound(dataset)
    bits = _number(dataset.get("BitsStored"), int)
    unused = max(0, (_number(dataset.get("HighBit"), int) or 0) + 1 - (bits or 0))
    if bits and unused:  # bits below those of the pixels, which once held overlays
        dataset.BitsStored = bits + unused
    pixels = pydicom.pixels.utils.pixel_array(dataset, decoding_plugin=strict_plugin(dataset))
    kind = str(dataset.get("PhotometricInterpretation", ""))
    if kind == "PALETTE COLOR":
        pixels = pydicom.pixels.processing.apply_color_lut(pixels, dataset)
    if pixels.ndim == 3 and pixels.shape[2] in (3, 4):
        return Decoded(as_16_bits(gray_of(pixels[..., :3])), low_is_white=False)
    if pixels.ndim != 2:
        raise OSError(f"it has the shape {pixels.shape}, and is no single film")
    if bits and unused:
        pixels = pixels >> unused
    return _monochrome(pixels, dataset, kind, sound_bits(bits))


def _refuse_unsound(dataset: Any) -> None:
    """Raise OSError where codes of compressed pixels are damaged: decoders fill up what lacks."""
    try:
        follow_frames(dataset)
    except Fault as fault:
        if fault.verdict == "damaged":
            raise OSError(f"{fault.reason} ({fault.detail})") from fault


def _monochrome(pixels: Any, dataset: Any, kind: str, bits: int | None) -> Decoded:
    """Return gray pixels, of signed ones the least value as 0, and what is said of them."""
    import numpy

    signed = pixels.dtype.kind == "i"
    offset = 2 ** ((bits or 16) - 1) if signed else 0
    if signed:
        pixels = pixels.astype(numpy.int32) + offset
    slope, intercept = sound_rescale(
        _number(dataset.get("RescaleSlope"), float), _number(dataset.get("RescaleIntercept"), float)
    )
    window = sound_window(
        _number(dataset.get("WindowCenter"), float), _number(dataset.get("WindowWidth"), float)
    )
    return Decoded(
        as_16_bits(pixels), bits, _MONOCHROME.get(kind), window,
        slope, intercept - slope * offset, signed,
    )  # fmt: skip


def _number(value: Any, kind: type) -> Any:
    """Return a number of a DICOM element, the first of several, or None."""
    try:
        if value is None or isinstance(value, str):
            return None if value in (None, "") else kind(value)
        return kind(value[0] if hasattr(value, "__getitem__") else value)
    except (ArithmeticError, IndexError, TypeError, ValueError):
        return None
