"""Open an image file and decode it whole."""

from pathlib import Path

__all__ = ["UNDECODED", "damage"]

UNDECODED = (".dcm", ".dicom")  # forms that are not decoded here


def damage(path: Path) -> str | None:
    """Return what is wrong with an image file, or None where its last pixel can be decoded."""
    from PIL import Image

    try:
        if not path.stat().st_size:
            return "it is empty"
        with Image.open(path) as image:
            image.load()
    except Exception as error:  # a damaged file can make a decoder fail in any way
        text = (str(error).splitlines() or [""])[0].replace(repr(str(path)), "").strip(" :")
        return text or type(error).__name__
    return None
