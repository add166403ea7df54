"""Inflates and sums with the fastest library there is: isal (Intel's igzip), zlib-ng, or zlib."""

import functools
import importlib
import platform
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from cxr_duck.images.formats.verdict import Fault

__all__ = ["Inflater", "checksum", "fastest", "library"]

_MOST = 1 << 19  # bytes that are inflated at once
# Up to here zlib costs next to nothing, and is the strictest. isal lets one fault pass: a set of
# codes for distances that isn't complete (RFC 1951, section 3.2.7), where what it inflates to still
# fits the Adler-32 sum.
_SMALL = 1 << 16  # bytes
_LARGE = 1 << 20  # bytes; up to here a narrow window is held to exactly, beyond to within 64

_MODULES = {"isal": "isal.isal_zlib", "zlib-ng": "zlib_ng.zlib_ng", "zlib": "zlib"}


@functools.cache
def library() -> str:
    """Return which library inflates: isal, zlib-ng or zlib, the first that is installed.

    On Apple's own processors zlib-ng comes first: there isal has no code of its own.
    """
    names = ["isal", "zlib-ng", "zlib"]
    if sys.platform == "darwin" and platform.machine() == "arm64":
        names = ["zlib-ng", "isal", "zlib"]
    for name in names:
        try:
            importlib.import_module(_MODULES[name])
        except ImportError:
            continue
        return name
    raise AssertionError("Python comes with zlib")


def fastest() -> Any:
    """Return the module of that library, whose interface is that of zlib."""
    return importlib.import_module(_MODULES[library()])


def checksum() -> Callable[..., int]:
    """Return the function that takes bytes, and the CRC-32 of those before, and gives theirs."""
    crc32: Callable[..., int] = fastest().crc32
    return crc32


class Inflater:
    """A zlib stream (RFC 1950) that is inflated in pieces of at most 512 KiB.

    `ended` is whether its end was reached, where its Adler-32 sum fits; `unused` counts the bytes
    given after it.
    """

    def __init__(self, header: bytes, size: int) -> None:
        """Take the first two bytes, which are to be given again, and the expected size."""
        _check_header(header)
        window = 8 + (header[0] >> 4)
        module, self._most = zlib if size <= _SMALL else fastest(), _MOST
        self._slice = sys.maxsize
        if window < 15 and size > 1 << window:
            # A copy from farther back than the window reaches is told from a sound one only by
            # zlib, and only where it is the first thing that one call inflates.
            module = zlib
            self._most, self._slice = (1, 64) if size <= _LARGE else (64, 1 << 10)
        self._object = module.decompressobj(wbits=window)
        self._error = module.error
        self.ended = False
        self.unused = 0

    def feed(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Yield what some more bytes inflate to. Raises Fault."""
        for begin in range(0, len(data), self._slice):
            part = data[begin : begin + self._slice]
            yield from self._feed(part) if self._most == _MOST else [b"".join(self._feed(part))]
            if self.ended:
                rest = max(0, len(data) - begin - self._slice)
                self.unused = len(self._object.unused_data) + rest
                return

    def _feed(self, part: bytes | memoryview) -> Iterator[bytes]:
        inflated = None
        while part or inflated is None or len(inflated) == self._most:
            try:
                inflated = self._object.decompress(part, self._most)
            except self._error as error:
                raise Fault("stream", f"the pixels can't be inflated: {error}") from error
            if inflated:
                yield inflated
            self.ended = self._object.eof
            if self.ended:
                return
            part = self._object.unconsumed_tail


def _check_header(header: bytes) -> None:
    """Refuse what RFC 1950 doesn't allow, or the PNG standard (10.1) of it."""
    method, flags = header
    if method & 15 != 8 or method >> 4 > 7:
        raise Fault("stream", f"the pixels are compressed in an unknown way ({method:#04x})")
    if (method * 256 + flags) % 31:
        raise Fault("stream", "the first two bytes of the compressed pixels don't fit each other")
    if flags & 32:
        raise Fault("stream", "the compressed pixels need a dictionary")
