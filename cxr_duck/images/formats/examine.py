"""Tests an image file of any format to its last byte."""

from dataclasses import replace
from typing import BinaryIO

from cxr_duck.images.formats.byte_window import ByteWindow
from cxr_duck.images.formats.dicom import examine_dicom
from cxr_duck.images.formats.jpeg import examine_jpeg
from cxr_duck.images.formats.png import SIGNATURE, examine_png
from cxr_duck.images.formats.verdict import Verdict

__all__ = ["examine_image"]

_SUFFIXES = {"png": (".png",), "jpeg": (".jpg", ".jpeg"), "dicom": (".dcm", ".dicom")}


def examine_image(stream: BinaryIO, name: str, *, quick: bool = False) -> Verdict:
    """Return the verdict on an image file that is read once from the start, to its end.

    What kind it is, its first bytes say; where its name says otherwise, the detail tells. With
    `quick` no pixels are decoded, which the detail tells too. A damaged file raises nothing; nor
    does one that can't be read.
    """
    try:
        reader = ByteWindow(stream)
        verdict = _test(reader, quick)
        reader.skip_rest()
    except OSError as error:
        detail = error.strerror or str(error) or type(error).__name__
        return Verdict("damaged", "unreadable", detail)
    verdict = replace(verdict, digest=reader.digest())
    suffixes = _SUFFIXES.get(verdict.format or "", ())
    if verdict.verdict == "ok" and suffixes and not name.lower().endswith(suffixes):
        note = f"its bytes are {verdict.format}, whatever its name says"
        return replace(verdict, detail="; ".join(filter(None, [verdict.detail, note])))
    return verdict


def _test(reader: ByteWindow, quick: bool) -> Verdict:
    reader.has(132)
    begin = bytes(reader.view[: min(132, reader.end)])
    if not begin:
        return Verdict("damaged", "empty", "it has no bytes", 0)
    if begin.startswith(SIGNATURE):
        return examine_png(reader, quick=quick)
    if begin.startswith(b"\xff\xd8"):
        return examine_jpeg(reader, quick=quick)
    if begin[128:] == b"DICM":
        return examine_dicom(reader, quick=quick)
    if SIGNATURE.startswith(begin):
        return Verdict("damaged", "truncated", "the file ends in its signature", len(begin), "png")
    return Verdict("damaged", "not an image", f"it begins with {begin[:8].hex(' ')}", 0)
