"""Reads a file once, piece by piece into the same memory, and digests it on the way."""

from typing import Any, BinaryIO

__all__ = ["ByteWindow"]

_PIECE = 1 << 18  # bytes: with what they inflate to they stay in a processor's own memory


class ByteWindow:
    """The bytes of a stream, a window of at most 256 KiB at a time.

    Not yet used are `view[start:end]`, which begin at `offset` of the file. Whoever uses some moves
    `start`. Raises OSError as the stream does.
    """

    def __init__(self, stream: BinaryIO) -> None:
        import xxhash

        self.view = memoryview(bytearray(_PIECE))
        self.start = 0
        self.end = 0
        self._before = 0
        self._ended = False
        self._read_into: Any = getattr(stream, "readinto", None) or _Copying(stream).readinto
        self._digest = xxhash.xxh3_128()

    @property
    def offset(self) -> int:
        """At which byte of the file the part begins that isn't used yet."""
        return self._before + self.start

    def fill(self) -> None:
        """Move what isn't used to the front and read until the window is full or the file ends."""
        rest = self.end - self.start
        self.view[:rest] = bytes(self.view[self.start : self.end])
        self._before += self.start
        self.start, self.end = 0, rest
        while self.end < _PIECE and not self._ended:
            count = self._read_into(self.view[self.end :])
            self._ended = not count
            self._digest.update(self.view[self.end : self.end + count])
            self.end += count

    def has(self, count: int) -> bool:
        """Whether so many bytes are there, read where need be; at most a window of them."""
        if self.end - self.start < count:
            self.fill()
        return self.end - self.start >= count

    def skip_rest(self) -> int:
        """Read to the end of the file; return the number of bytes that were left."""
        begun = self.offset
        while self.end > self.start or not self._ended:
            self.start = self.end
            self.fill()
        return self.offset - begun

    def read_rest(self, limit: int) -> bytes | None:
        """Return all bytes from here to the end, or None where they are more than `limit`."""
        parts = []
        while self.end > self.start or not self._ended:
            parts.append(bytes(self.view[self.start : self.end]))
            limit -= len(parts[-1])
            if limit < 0:
                return None
            self.start = self.end
            self.fill()
        return b"".join(parts)

    def digest(self) -> str | None:
        """Return the digest of the whole file, XXH3 of 128 bits, once all of it was read."""
        return self._digest.hexdigest() if self._ended else None


class _Copying:
    """A stream that has no way to read into given memory."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readinto(self, memory: memoryview) -> int:
        data = self._stream.read(len(memory))
        memory[: len(data)] = data
        return len(data)
