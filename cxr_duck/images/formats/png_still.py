"""Takes from a PNG what makes its pixels, and leaves what decoders disagree on or warn of."""

import struct

__all__ = ["still_png"]

_SIGNATURE = 8  # bytes
_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}


def still_png(data: bytes | memoryview) -> bytes | memoryview:
    """Return a sound PNG without the chunks that make no pixel of its still image.

    Of an animation some decoders show the still image and some the first frame; of a wrong color
    profile some write to the terminal. A file without such chunks is returned as it is.
    """
    kept, place, whole = [bytes(data[:_SIGNATURE])], _SIGNATURE, True
    begin = place
    while place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        after = place + 12 + length
        if kind not in _PIXELS:
            whole = False
            kept.append(bytes(data[begin:place]))
            begin = after
        place = after
        if kind == b"IEND":
            break
    return data if whole else b"".join((*kept, bytes(data[begin:place])))
