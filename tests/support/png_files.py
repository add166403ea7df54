"""Made-up PNG files: sound ones of every kind, and what may happen to a file."""

import random
import struct
import zlib
from collections.abc import Callable

from tests.support.png_reference import DEPTHS, SIGNATURE, passes

__all__ = ["KINDS", "chunk", "chunks_of", "file_of", "make", "mutate", "patched"]

KINDS = [
    (color, bits, interlaced)
    for color, depths in DEPTHS.items()
    for bits in sorted(depths)
    for interlaced in (0, 1)
]
Chunk = tuple[bytes, bytes]


def chunk(name: bytes, content: bytes = b"") -> bytes:
    """Return a chunk with its length and the CRC that fits."""
    head = struct.pack(">I4s", len(content), name)
    return head + content + struct.pack(">I", zlib.crc32(name + content))


def file_of(chunks: list[Chunk]) -> bytes:
    """Return the file of some chunks."""
    return SIGNATURE + b"".join(chunk(name, content) for name, content in chunks)


def chunks_of(data: bytes) -> list[Chunk]:
    """Return the chunks of a sound file."""
    chunks, place = [], 8
    while place < len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        chunks.append((name, data[place + 8 : place + 8 + length]))
        place += 12 + length
    return chunks


def make(
    seed: int,
    color: int = 0,
    bits: int = 16,
    interlaced: int = 0,
    size: tuple[int, int] | None = None,
    extra: bool = True,
) -> bytes:
    """Return a sound file of a kind: rows of any bytes, each with any filter."""
    rng = random.Random(f"{seed} {color} {bits} {interlaced}")
    width, height = size or (rng.randint(1, 37), rng.randint(1, 37))
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlaced)
    calm = rng.random() < 0.5
    rows = []
    for count, row_bits, _ in passes(header):
        length = (row_bits + 7) // 8
        for _ in range(count):
            row = bytes(rng.choices((0, 0, 0, 1, 255), k=length)) if calm else rng.randbytes(length)
            rows.append(bytes([rng.randint(0, 4)]) + row)
    window = rng.choice((15, 15, 15, 9, 12))
    packer = zlib.compressobj(rng.choice((0, 1, 6, 9)), zlib.DEFLATED, window, 9, rng.randint(0, 4))
    stream = packer.compress(b"".join(rows)) + packer.flush()
    chunks: list[Chunk] = [(b"IHDR", header)]
    if extra and rng.random() < 0.5:
        chunks += [(b"gAMA", struct.pack(">I", 45455)), (b"tEXt", b"Comment\0made up")]
        chunks += [(b"iCCP", b"name\0\0" + zlib.compress(b"profile"))]
    if color == 3:
        chunks.append((b"PLTE", rng.randbytes(3 << bits)))
    if extra and rng.random() < 0.3:
        chunks.append((b"tRNS", bytes({0: 2, 2: 6, 3: 1}.get(color, 0))))
        chunks = chunks[: None if color in (0, 2, 3) else -1]
    step = rng.choice((1, 7, 100, len(stream), len(stream)))
    chunks += [(b"IDAT", stream[at : at + step]) for at in range(0, len(stream), step)]
    if extra and rng.random() < 0.3:
        chunks.append((b"zTXt", b"Comment\0\0" + zlib.compress(b"made up")))
    return file_of([*chunks, (b"IEND", b"")])


def patched(data: bytes) -> bytes:
    """Return a file with every CRC right, as far as its chunks can be told."""
    out, place = bytearray(data), 8
    while place + 12 <= len(out):
        after = place + 12 + int.from_bytes(out[place : place + 4], "big")
        if after > len(out):
            break
        out[after - 4 : after] = struct.pack(">I", zlib.crc32(out[place + 4 : after - 4]))
        place = after
    return bytes(out)


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Return a file that something has happened to, its CRCs patched or not."""
    happening = rng.choice((_flip, _cut, _insert, _delete, _zero, _move, _rewrite))
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        data = happening(data, rng)
    return patched(data) if rng.random() < 0.5 else data


def _span(data: bytes, rng: random.Random) -> tuple[int, int]:
    begin = rng.randrange(len(data) + 1)
    return begin, begin + rng.choice((1, 2, 8, 40))


def _flip(data: bytes, rng: random.Random) -> bytes:
    if not data:
        return data
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ rng.randint(1, 255)]) + data[at + 1 :]


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _insert(data: bytes, rng: random.Random) -> bytes:
    begin, end = _span(data, rng)
    return data[:begin] + rng.randbytes(end - begin) + data[begin:]


def _delete(data: bytes, rng: random.Random) -> bytes:
    begin, end = _span(data, rng)
    return data[:begin] + data[end:]


def _zero(data: bytes, rng: random.Random) -> bytes:
    begin, end = _span(data, rng)
    return data[:begin] + bytes(len(data[begin:end])) + data[end:]


def _whole(change: Callable[[list[Chunk], random.Random], None]) -> Callable[..., bytes]:
    def changed(data: bytes, rng: random.Random) -> bytes:
        try:
            chunks = chunks_of(data)
        except struct.error:
            return data
        if chunks:
            change(chunks, rng)
        return file_of(chunks)

    return changed


@_whole
def _move(chunks: list[Chunk], rng: random.Random) -> None:
    """Take a chunk out, put it elsewhere, or both."""
    place = rng.randrange(len(chunks))
    one = chunks[place]
    if rng.random() < 0.6:
        del chunks[place]
    if rng.random() < 0.6:
        chunks.insert(rng.randrange(len(chunks) + 1), one)


@_whole
def _rewrite(chunks: list[Chunk], rng: random.Random) -> None:
    """Change what is inflated and deflate it again, or a field of the header."""
    if rng.random() < 0.3:
        name, content = chunks[0]
        if content:
            chunks[0] = (name, _flip(content, rng))
        return
    stream = b"".join(content for name, content in chunks if name == b"IDAT")
    try:
        raw = zlib.decompress(stream)
    except zlib.error:
        return
    raw = rng.choice((_flip, _cut, _insert, _delete))(raw, rng)
    stream = bytearray(zlib.compress(raw))
    if rng.random() < 0.4:  # another window, with the check bits right
        stream[0] = rng.randint(0, 15) << 4 | 8
        stream[1] = -stream[0] * 256 % 31
    stream = stream[: None if rng.random() < 0.8 else -rng.randint(1, 6)]
    stream += rng.randbytes(rng.choice((0, 0, 0, 5)))
    before = [one for one in chunks if one[0] not in (b"IDAT", b"IEND")]
    chunks[:] = [*before, (b"IDAT", bytes(stream)), (b"IEND", b"")]
