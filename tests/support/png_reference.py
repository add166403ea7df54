"""A slow reading of the PNG standard (third edition) on zlib alone, to judge the fast one by."""

import re
import struct
import zlib

__all__ = ["DEPTHS", "SIGNATURE", "constant", "passes", "reasons"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
SHORTEST = {
    b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9, b"acTL": 8, b"fcTL": 26, b"fdAT": 4,
}  # fmt: skip
# An order of chunks that the standard allows, of those that are needed to read the pixels.
ORDER = re.compile(r"IHDR( PLTE)?( IDAT)+ IEND")


def reasons(data: bytes) -> set[str]:
    """Return every reason why a file isn't a sound PNG; none where it is one."""
    if not data.startswith(SIGNATURE):
        return {"empty" if not data else "not an image", "truncated"}
    found, chunks = _split(data)
    header = dict(chunks).get(b"IHDR")
    if not chunks or chunks[0][0] != b"IHDR" or header is None or len(header) != 13:
        return found | {"chunk"} if chunks else found
    width, height, bits, color, *rest = struct.unpack(">IIBBBBB", header)
    if not (0 < width < 1 << 31 and 0 < height < 1 << 31) or bits not in DEPTHS.get(color, ()):
        return found | {"header"}
    if rest not in ([0, 0, 0], [0, 0, 1]):
        return found | {"header"}
    found |= _order(chunks, bits, color, "truncated" in found)
    stream = b"".join(content for name, content in chunks if name == b"IDAT")
    return found | _pixels(stream, passes(header))


def _split(data: bytes) -> tuple[set[str], list[tuple[bytes, bytes]]]:
    found, chunks, place = set(), [], 8
    while not chunks or chunks[-1][0] != b"IEND":
        if len(data) < place + 8:
            return found | {"truncated"}, chunks
        length, name = struct.unpack_from(">I4s", data, place)
        if not re.fullmatch(b"[A-Za-z]{2}[A-Z][A-Za-z]", name) or length >= 1 << 31:
            return found | {"chunk"}, chunks
        content = data[place + 8 : place + 8 + length]
        chunks.append((name, content + b"?" * (length - len(content) if length < 10**6 else 0)))
        place += 12 + length
        if place > len(data):
            return found | {"truncated"}, chunks
        if zlib.crc32(name + content) != int.from_bytes(data[place - 4 : place], "big"):
            found.add("crc")
    return found, chunks


def _order(chunks: list[tuple[bytes, bytes]], bits: int, color: int, cut: bool) -> set[str]:
    names = [name.decode() for name, _ in chunks]
    needed = " ".join(name for name in names if name[0].isupper())
    pixels = [place for place, name in enumerate(names) if name == "IDAT"]
    sound = ORDER.fullmatch(needed) or (cut and ORDER.match(needed + " IDAT IEND"))
    if pixels:
        sound = sound and pixels == list(range(pixels[0], pixels[0] + len(pixels)))
    palette = dict(chunks).get(b"PLTE")
    if color == 3:
        sound = sound and (palette is not None or not pixels)
    elif color in (0, 4):
        sound = sound and palette is None
    if palette is not None:
        most = 1 << bits if color == 3 else 256
        sound = sound and len(palette) in range(3, 3 * most + 1, 3)
    sequence = 0
    for place, (name, content) in enumerate(chunks):
        if name == b"IEND" and content:
            sound = False
        if len(content) < SHORTEST.get(name, 0):
            sound = False
            continue
        if name == b"tRNS":
            entries = len(palette) // 3 if palette and b"PLTE" in dict(chunks[:place]) else 256
            sound = sound and not (color == 3 and len(content) > entries)
            sound = sound and len(content) >= {0: 2, 2: 6}.get(color, 0)
        if name in (b"iCCP", b"zTXt"):
            sound = sound and re.match(rb"[^\0]{1,79}\0\0", content, re.DOTALL)
        if name in (b"fcTL", b"fdAT"):
            sound = sound and int.from_bytes(content[:4], "big") == sequence
            sequence += 1
        if name == b"fdAT":
            sound = sound and "IDAT" in names[:place] and "fcTL" in names[:place]
        if name == b"fcTL":
            size = struct.unpack(">II", chunks[0][1][:8])
            wide, high, left, top = struct.unpack(">4I", content[4:20])
            sound = sound and wide and high and left + wide <= size[0] and top + high <= size[1]
            sound = sound and ("IDAT" in names[:place] or (wide, high) == size)
    return set() if sound else {"chunk"}


def passes(header: bytes) -> list[tuple[int, int, int]]:
    """Return rows, bits of a row and bits of a pixel of each pass."""
    width, height, bits, color, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    depth = bits * SAMPLES[color]
    if not interlaced:
        return [(height, width * depth, depth)]
    found = []
    for left, top, across, down in (
        (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):  # fmt: skip
        columns, rows = (width + across - 1 - left) // across, (height + down - 1 - top) // down
        if columns and rows:
            found.append((rows, columns * depth, depth))
    return found


def _inflate(stream: bytes, most: int) -> tuple[bytes, bool]:
    """Return what a stream inflates to and whether its end was reached; raises zlib.error."""
    window = 8 + (stream[0] >> 4)
    inflater, inflated, size = zlib.decompressobj(wbits=window), [], 0
    step = 1 if window < 15 else 1 << 16  # zlib holds to the window between two calls only
    piece = b"?"
    while not inflater.eof and (stream or piece) and size <= most + (1 << 20):
        piece = inflater.decompress(stream, step)
        stream = inflater.unconsumed_tail
        inflated.append(piece)
        size += len(piece)
    return b"".join(inflated), inflater.eof


def _pixels(stream: bytes, parts: list[tuple[int, int, int]]) -> set[str]:
    if len(stream) < 2:
        return {"stream"}
    if stream[0] & 15 != 8 or stream[0] > 0x78 or stream[1] & 32:
        return {"stream"}
    most = sum(rows * (1 + (bits + 7) // 8) for rows, bits, _ in parts)
    found = set()
    try:
        raw, ended = _inflate(stream, most)
        found |= set() if ended or len(raw) > most else {"stream"}
        found |= set() if len(raw) == most or not (ended or len(raw) > most) else {"length"}
    except zlib.error:
        found.add("stream")
        raw = _until_broken(stream, most)
        found |= {"length"} if len(raw) > most else set()
    place = 0
    for rows, bits, _ in parts:
        stride = 1 + (bits + 7) // 8
        end = min(place + rows * stride, len(raw))
        found |= {"filter"} if any(raw[row] > 4 for row in range(place, end, stride)) else set()
        place += rows * stride
    return found


def _until_broken(stream: bytes, most: int) -> bytes:
    """Return what a stream inflates to before the fault, about as far as any library gets."""
    inflater, inflated = zlib.decompressobj(), bytearray()
    try:
        for at in range(len(stream)):
            inflated += inflater.decompress(stream[at : at + 1])
            if len(inflated) > most:
                break
    except zlib.error:
        pass
    return bytes(inflated)


def constant(data: bytes) -> bool:
    """Whether all pixels of a sound PNG are the same: unfiltered byte by byte."""
    _, chunks = _split(data)
    raw = zlib.decompress(b"".join(content for name, content in chunks if name == b"IDAT"))
    pixels, place = set(), 0
    for rows, bits, depth in passes(dict(chunks)[b"IHDR"]):
        count, step = (bits + 7) // 8, max(1, depth // 8)
        above = bytes(count)
        for _ in range(rows):
            name, row = raw[place], bytearray(raw[place + 1 : place + 1 + count])
            place += 1 + count
            for at in range(count):
                left, corner = (row[at - step], above[at - step]) if at >= step else (0, 0)
                up = above[at]
                guess = left + up - corner
                nearest = min((left, up, corner), key=lambda value, at=guess: abs(at - value))
                row[at] = (row[at] + (0, left, up, (left + up) // 2, nearest)[name]) & 255
            number = "".join(f"{byte:08b}" for byte in row)
            pixels |= {number[at : at + depth] for at in range(0, bits, depth)}
            above = bytes(row)
    return len(pixels) == 1
