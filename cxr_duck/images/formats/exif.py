"""Finds which way up an image is, as its Exif data tell."""

import struct

__all__ = ["UPRIGHT", "exif_orientation", "orientation_of", "turned"]

UPRIGHT = 1
_ORIENTATION = 0x0112  # a tag of TIFF
_PNG = b"\x89PNG\r\n\x1a\n"
_BEGIN = b"Exif\0\0"  # of a segment APP1


def exif_orientation(tiff: bytes) -> int:
    """Return the orientation that Exif data tell, 1 to 8 (Exif 3.0, 4.6.5); 1 where none."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if not order or len(tiff) < 8:
        return UPRIGHT
    (place,) = struct.unpack_from(order + "I", tiff, 4)
    if place + 2 > len(tiff):
        return UPRIGHT
    (count,) = struct.unpack_from(order + "H", tiff, place)
    for at in range(place + 2, min(place + 2 + 12 * count, len(tiff) - 11), 12):
        tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, at)
        if tag == _ORIENTATION and kind == 3 and 1 <= value <= 8:
            return int(value)
    return UPRIGHT


def turned(orientation: int) -> str:
    """Return a note on an image that is not stored upright, "" for one that is."""
    return "" if orientation == UPRIGHT else f"turned by Exif orientation {orientation}"


def orientation_of(data: bytes | memoryview) -> int:
    """Return the orientation of a sound PNG or JPEG, 1 to 8."""
    if bytes(data[:8]) == _PNG:
        return _of_png(data)
    return _of_jpeg(data) if bytes(data[:2]) == b"\xff\xd8" else UPRIGHT


def _of_png(data: bytes | memoryview) -> int:
    place = len(_PNG)
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        if kind == b"eXIf":
            return exif_orientation(bytes(data[place + 8 : place + 8 + length]))
        place += 12 + length
    return UPRIGHT


def _of_jpeg(data: bytes | memoryview) -> int:
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if marker in (0xDA, 0xD9):
            break
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        content = bytes(data[place + 4 : end]) if marker == 0xE1 else b""
        if content.startswith(_BEGIN):
            return exif_orientation(content[len(_BEGIN) :])
        place = end
    return UPRIGHT
