"""Open an image file and decode it whole."""

import re

from cxr_duck.images.folder import ImageFolder

__all__ = ["UNDECODED", "damage"]

UNDECODED = (".dcm", ".dicom")  # forms that are not decoded here

_STREAM = re.compile(r" <_io\..*>")  # as Pillow's message names it


def damage(folder: ImageFolder, path: str) -> str | None:
    """Return what is wrong with an image file, or None where its last pixel can be decoded."""
    from PIL import Image

    try:
        if not folder.stat(path)[0]:
            return "it is empty"
        with folder.open(path) as stream, Image.open(stream) as image:
            image.load()
    except Exception as error:  # a damaged file can make a decoder fail in any way
        told = getattr(error, "strerror", None) or (str(error).splitlines() or [""])[0]
        return _STREAM.sub("", told).strip(" :") or type(error).__name__
    return None
