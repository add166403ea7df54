"""The test of PNG files: what it refuses is damaged, what any decoder refuses it refuses."""

import functools
import io
import random
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from cxr_duck.images.formats import inflate
from cxr_duck.images.formats.examine import examine_image as judge
from cxr_duck.images.formats.verdict import REASONS, VERDICTS
from tests.conftest import examples
from tests.support.judges import opencv_refuses, pillow_refuses, sound, verdict_on
from tests.support.png_files import KINDS, chunk, chunks_of, file_of, make, mutate, patched
from tests.support.png_reference import SIGNATURE, constant, reasons

LIBRARIES = ["isal", "zlib-ng", "zlib"]


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each library that may inflate, for images of any size."""
    if request.param == "isal":
        pytest.importorskip("isal")
    monkeypatch.setattr(inflate, "library", lambda: request.param)
    monkeypatch.setattr(inflate, "_SMALL", -1)
    return str(request.param)


def film(rows: int = 60, columns: int = 50, seed: int = 1) -> bytes:
    """Return a gray film of 16 bits, as Pillow writes it."""
    rng = numpy.random.default_rng(seed)
    ramp = numpy.linspace(2000, 60000, rows)[:, None] + rng.normal(0, 60, (rows, columns))
    return written(Image.fromarray(ramp.astype(numpy.uint16)))


def written(image: Image.Image, **options: object) -> bytes:
    """Return the file that Pillow writes."""
    out = io.BytesIO()
    image.save(out, "PNG", **options)
    return out.getvalue()


def stream_of(data: bytes) -> bytes:
    """Return the compressed pixels of a sound file."""
    return b"".join(content for name, content in chunks_of(data) if name == b"IDAT")


def with_stream(data: bytes, *parts: bytes) -> bytes:
    """Return a file with other compressed pixels, in as many IDAT chunks."""
    rest = [one for one in chunks_of(data) if one[0] not in (b"IDAT", b"IEND")]
    return file_of([*rest, *((b"IDAT", part) for part in parts), (b"IEND", b"")])


def with_rows(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Return a damage that changes what the pixels inflate to, and deflates that soundly."""
    return lambda data: with_stream(data, zlib.compress(change(zlib.decompress(stream_of(data)))))


def with_bytes(place: int, new: bytes) -> Callable[[bytes], bytes]:
    """Return a damage that overwrites some bytes of the file; the CRCs stay as they were."""
    return lambda data: data[:place] + new + data[place + len(new) :]


def with_header(place: int, new: bytes) -> Callable[[bytes], bytes]:
    """Return a damage that overwrites some bytes of IHDR, with the right CRC."""
    return lambda data: patched(with_bytes(16 + place, new)(data))


def with_chunk(place: int, name: bytes, content: bytes = b"") -> Callable[[bytes], bytes]:
    """Return a damage that puts one more chunk in, before another."""

    def damaged(data: bytes) -> bytes:
        chunks = chunks_of(data)
        chunks.insert(place % (len(chunks) + 1), (name, content))
        return file_of(chunks)

    return damaged


def with_zlib_header(method: int, flags: int | None = None) -> Callable[[bytes], bytes]:
    """Return a damage that gives the compressed pixels other first bytes."""
    last = -method * 256 % 31 if flags is None else flags
    return lambda data: with_stream(data, bytes([method, last]) + stream_of(data)[2:])


def narrow(data: bytes) -> bytes:
    """Return a film that says its window is of 256 bytes, and copies from farther back."""
    row = random.Random(1).randbytes(600)
    ihdr = struct.pack(">IIBBBBB", 600, 9, 8, 0, 0, 0, 0)
    stream = zlib.compress((b"\0" + row) * 9)[2:]
    return file_of([(b"IHDR", ihdr), (b"IDAT", b"\x08\x1d" + stream), (b"IEND", b"")])


def flipped(place: float, *, patch: bool = False) -> Callable[[bytes], bytes]:
    """Return a damage that flips a bit at some part of the file."""

    def damaged(data: bytes) -> bytes:
        at = int(len(data) * place)
        data = with_bytes(at, bytes([data[at] ^ 4]))(data)
        return patched(data) if patch else data

    return damaged


def dropped(name: bytes) -> Callable[[bytes], bytes]:
    """Return a damage that takes all chunks of a name out."""
    return lambda data: file_of([one for one in chunks_of(data) if one[0] != name])


def split(data: bytes) -> list[bytes]:
    """Return the compressed pixels in four parts."""
    stream = stream_of(data)
    step = -(-len(stream) // 4)
    return [stream[at : at + step] for at in range(0, len(stream), step)]


ROW = 101  # bytes of a row of film(), with its filter
PALETTE = written(Image.fromarray(numpy.arange(64, dtype=numpy.uint8).reshape(8, 8)).convert("P"))
DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "no bytes": (lambda data: b"", "empty"),
    "zeros": (lambda data: bytes(len(data)), "not an image"),
    "text": (lambda data: b"<html>404</html>", "not an image"),
    "another signature": (with_bytes(0, b"\x88"), "not an image"),
    "line ends converted": (lambda data: data.replace(b"\r\n", b"\n"), "not an image"),
    "cut in the signature": (lambda data: data[:5], "truncated"),
    "cut after the signature": (lambda data: data[:8], "truncated"),
    "cut in IHDR": (lambda data: data[:20], "truncated"),
    "cut in half": (lambda data: data[: len(data) // 2], "truncated"),
    "cut in the Adler sum": (lambda data: data[:-18], "truncated"),
    "without IEND": (lambda data: data[:-12], "truncated"),
    "cut in IEND": (lambda data: data[:-3], "truncated"),
    "a bit of the pixels": (flipped(0.5), "crc"),
    "a bit of the pixels, CRC patched": (flipped(0.5, patch=True), "stream"),
    "a bit of the CRC of IEND": (lambda data: data[:-1] + b"\x83", "crc"),
    "a bit of the width": (with_bytes(19, b"\x33"), "crc"),
    "a sector of zeros": (with_bytes(1024, bytes(512)), "crc"),
    "a sector of zeros, CRC patched": (lambda data: patched(with_bytes(1024, bytes(512))(data)),
                                       "stream"),
    "one row less than promised": (with_rows(lambda rows: rows[:-ROW]), "length"),
    "half the rows": (with_rows(lambda rows: rows[: ROW * 30]), "length"),
    "one byte less": (with_rows(lambda rows: rows[:-1]), "length"),
    "one byte more": (with_rows(lambda rows: rows + b"\0"), "length"),
    "one row more": (with_rows(lambda rows: rows + rows[:ROW]), "length"),
    "a height less by one": (with_header(4, struct.pack(">I", 59)), "length"),
    "a height more by one": (with_header(4, struct.pack(">I", 61)), "length"),
    "filter 5": (with_rows(lambda rows: rows[: 9 * ROW] + b"\5" + rows[9 * ROW + 1 :]), "filter"),
    "filter 255": (with_rows(lambda rows: b"\xff" + rows[1:]), "filter"),
    "the Adler sum wrong": (lambda d: with_stream(d, stream_of(d)[:-1] + b"\0"), "stream"),
    "the Adler sum cut off": (lambda d: with_stream(d, stream_of(d)[:-4]), "stream"),
    "the last half of the stream lost": (lambda d: with_stream(d, *split(d)[:2]), "stream"),
    "an IDAT lost": (lambda d: with_stream(d, *split(d)[:1], *split(d)[2:]), "stream"),
    "two IDATs swapped": (lambda d: with_stream(d, *(split(d)[i] for i in (0, 2, 1, 3))), "stream"),
    "an IDAT twice": (lambda d: with_stream(d, *split(d)[:2], *split(d)[1:]), "stream"),
    "an empty stream": (lambda d: with_stream(d, b""), "stream"),
    "a stream of one byte": (lambda d: with_stream(d, b"\x78"), "stream"),
    "a window of 64 KiB": (with_zlib_header(0x88), "stream"),
    "compression 9": (with_zlib_header(0x79), "stream"),
    "check bits of zlib wrong": (with_zlib_header(0x78, 0x02), "stream"),
    "a dictionary": (with_zlib_header(0x78, 0x20), "stream"),
    "copies beyond the window": (narrow, "stream"),
    "no IDAT": (dropped(b"IDAT"), "chunk"),
    "no IHDR": (dropped(b"IHDR"), "chunk"),
    "IHDR twice": (lambda data: with_chunk(1, *chunks_of(data)[0])(data), "chunk"),
    "a chunk before IHDR": (with_chunk(0, b"tEXt", b"a\0b"), "chunk"),
    "IHDR of 12 bytes": (lambda d: SIGNATURE + chunk(b"IHDR", d[16:28]) + d[33:], "chunk"),
    "an unknown chunk that is needed": (with_chunk(1, b"ABCd", b"?"), "chunk"),
    "a name with a digit": (with_chunk(1, b"te0t"), "chunk"),
    "a name of zeros": (with_chunk(1, bytes(4)), "chunk"),
    "a reserved bit set": (with_chunk(1, b"text"), "chunk"),
    "a length over 2^31": (with_bytes(33, b"\xff\xff\xff\xff"), "chunk"),
    "a length beyond the file": (with_bytes(33, b"\x00\xff\xff\xff"), "truncated"),
    "a chunk between IDATs": (
        lambda d: with_chunk(2, b"tEXt", b"a\0b")(with_stream(d, *split(d))), "chunk",
    ),
    "a palette in a gray image": (with_chunk(1, b"PLTE", b"abc"), "chunk"),
    "IEND with bytes": (lambda d: d[:-12] + chunk(b"IEND", b"?"), "chunk"),
    "IEND before IDAT": (lambda d: d[:33] + chunk(b"IEND"), "chunk"),
    "no columns": (with_header(0, bytes(4)), "header"),
    "no rows": (with_header(4, bytes(4)), "header"),
    "a width over 2^31": (with_header(0, b"\x80"), "header"),
    "3 bits": (with_header(8, b"\3"), "header"),
    "color type 1": (with_header(9, b"\1"), "header"),
    "16 bits of a palette": (with_header(9, b"\3"), "header"),
    "compression 1": (with_header(10, b"\1"), "header"),
    "filter method 1": (with_header(11, b"\1"), "header"),
    "interlace 2": (with_header(12, b"\2"), "header"),
    "said to be interlaced": (with_header(12, b"\1"), "filter"),
    "gAMA of 3 bytes": (with_chunk(1, b"gAMA", b"abc"), "chunk"),
    "pHYs of 8 bytes": (with_chunk(1, b"pHYs", bytes(8)), "chunk"),
    "iCCP compressed otherwise": (with_chunk(1, b"iCCP", b"name\0\1abc"), "chunk"),
    "zTXt compressed otherwise": (with_chunk(-2, b"zTXt", b"name\0\1abc"), "chunk"),
    "a short tRNS": (with_chunk(1, b"tRNS", b"\0"), "chunk"),
    "frames of an animation out of order": (with_chunk(1, b"fcTL", b"\1" * 26), "chunk"),
    "a palette lost": (lambda data: dropped(b"PLTE")(PALETTE), "chunk"),
    "a palette of 4 bytes": (lambda d: with_chunk(1, b"PLTE", b"abcd")(dropped(b"PLTE")(PALETTE)),
                             "chunk"),
    "an empty palette": (lambda d: with_chunk(1, b"PLTE")(dropped(b"PLTE")(PALETTE)), "chunk"),
    "a palette twice": (lambda data: with_chunk(1, b"PLTE", b"abc")(PALETTE), "chunk"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found(name: str, library: str) -> None:
    """Each kind of damage is found for its reason; it breaks the standard, by the reference too."""
    damage, reason = DAMAGES[name]
    damaged = damage(film())
    verdict = verdict_on(damaged)
    assert (verdict.verdict, verdict.reason) == ("damaged", reason), verdict
    assert reason in reasons(damaged)
    assert verdict.detail


def test_the_judges_pass_damage_that_is_found() -> None:
    """What Pillow and OpenCV make of the same damages: both pass some."""
    damaged = {name: damage(film()) for name, (damage, _) in DAMAGES.items()}
    del damaged["a length over 2^31"]  # OpenCV takes 4 GB of memory for it
    pillow = {name for name, data in damaged.items() if not pillow_refuses(data)}
    opencv = {name for name, data in damaged.items() if not opencv_refuses(data)}
    assert not pillow_refuses(film()) and not opencv_refuses(film())
    assert {"without IEND", "a bit of the CRC of IEND", "the Adler sum cut off"} <= pillow
    assert 10 < len(pillow) < len(damaged) - 30
    assert 0 < len(opencv) < len(damaged) - 30


def test_reasons_are_those_listed() -> None:
    """Every reason of the table is one that users are told of."""
    assert {reason for _, reason in DAMAGES.values()} <= set(REASONS)
    assert VERDICTS == ("ok", "suspect", "damaged", "untested")


OFFSETS = {
    "cut in half": len(film()) // 2,
    "a bit of the width": 8,
    "a bit of the CRC of IEND": len(film()) - 12,
    "an unknown chunk that is needed": 33,
    "one row less than promised": None,
    "filter 255": 41,
    "no columns": 8,
}


@pytest.mark.parametrize("name", OFFSETS)
def test_where_it_shows(name: str) -> None:
    """The offset: of the end, of the chunk, or of the compressed pixels that show the damage."""
    assert verdict_on(DAMAGES[name][0](film())).offset == OFFSETS[name]


def test_what_the_header_says() -> None:
    """Size, bits and colour are told of damaged files too, and the digest of all bytes."""
    data = film()
    verdict = verdict_on(data)
    assert (verdict.format, verdict.width, verdict.height) == ("png", 50, 60)
    assert (verdict.bits, verdict.color, verdict.detail, verdict.offset) == (16, "gray", None, None)
    damaged = verdict_on(data[:-12])
    assert (damaged.width, damaged.height, damaged.bits, damaged.color) == (50, 60, 16, "gray")
    assert len({verdict.digest, damaged.digest, verdict_on(data + b"\0").digest}) == 3
    assert verdict.digest == verdict_on(data, quick=True).digest


@pytest.mark.sampled
@pytest.mark.parametrize(("color", "bits", "interlaced"), KINDS)
def test_mutations(color: int, bits: int, interlaced: int) -> None:
    """Verdicts on mutated files are the reference's; no decoder refuses what passes."""
    rng = random.Random(f"{color} {bits} {interlaced}")
    for seed in range(4):
        whole = make(seed, color, bits, interlaced)
        assert sound(verdict_on(whole))
        for _ in range(25):
            _compare(mutate(whole, rng))


def _compare(data: bytes) -> None:
    verdict, expected = verdict_on(data), reasons(data)
    if not sound(verdict):
        assert verdict.reason in expected, verdict
        return
    assert not expected
    assert not pillow_refuses(data)
    assert not opencv_refuses(data)
    assert (verdict.reason == "constant") == constant(data)


@pytest.mark.sampled
def test_mutations_of_films_with_each_library(library: str) -> None:
    """The libraries judge films alike: flips, cuts, inserts, zeros, chunks moved and rewritten."""
    rng = random.Random(library)
    whole = film(300, 120)
    for _ in range(100):
        _compare(mutate(whole, rng))


@examples(60)
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes(data: bytes, signed: bool) -> None:
    """No bytes make it fail, with the signature before them or without it."""
    _compare(SIGNATURE + data if signed else data)


def test_isal_lets_an_incomplete_code_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one fault that isal doesn't see is a code that isn't complete, of pixels that are right.

    In small images zlib sees it.
    """
    isal_zlib = pytest.importorskip("isal.isal_zlib")
    whole, missed = make(1, 0, 8, 0, (49, 1), extra=False), []
    for seed in range(60):
        raw = bytes(random.Random(seed).choices(range(5), k=50))
        packer = zlib.compressobj(1, zlib.DEFLATED, 15, 9, zlib.Z_HUFFMAN_ONLY)
        stream = packer.compress(raw) + packer.flush()
        for bit in range(8 * 10, 8 * 25):
            damaged = bytearray(stream)
            damaged[bit // 8] ^= 1 << bit % 8
            try:
                if isal_zlib.decompress(bytes(damaged)) != raw:
                    continue  # Adler-32 can't tell it
                zlib.decompress(bytes(damaged))
            except zlib.error as error:
                assert str(error).endswith("invalid distances set")
                missed.append(with_stream(whole, bytes(damaged)))
            except isal_zlib.error:
                continue
    assert missed
    assert {verdict_on(data).reason for data in missed} == {"stream"}
    monkeypatch.setattr(inflate, "library", lambda: "isal")
    monkeypatch.setattr(inflate, "_SMALL", -1)
    assert {verdict_on(data).verdict for data in missed} == {"ok"}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("color", "bits", "interlaced"), KINDS)
def test_sound_files_of_all_kinds(
    seed: int, color: int, bits: int, interlaced: int, library: str
) -> None:
    """Sound files of every colour type, depth and interlace pass; so says the reference."""
    data = make(seed + 100, color, bits, interlaced)
    assert sound(verdict_on(data)), verdict_on(data)
    assert not reasons(data)


MODES = ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"]


@pytest.mark.parametrize("level", range(10))
@pytest.mark.parametrize("mode", MODES)
def test_what_pillow_writes(mode: str, level: int) -> None:
    """Whatever Pillow writes passes: all modes and levels, profiles, text and transparency."""
    rng = numpy.random.default_rng(level)
    image = Image.fromarray(rng.integers(0, 255, (33, 21, 3), dtype=numpy.uint8))
    image = image.convert("L").convert("I").convert(mode) if mode == "I;16" else image.convert(mode)
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "made up" * 50, zip=True)
    notes.add_itxt("Title", "Röntgen")
    data = written(
        image, compress_level=level, pnginfo=notes, icc_profile=b"profile" * 9, dpi=(72, 72)
    )
    assert verdict_on(data).verdict == "ok"
    assert not reasons(data)


@pytest.mark.parametrize("strategy", range(5))
@pytest.mark.parametrize("level", range(0, 10, 3))
def test_what_opencv_writes(level: int, strategy: int) -> None:
    """Whatever OpenCV (libpng) writes passes: channels, depths, levels, strategies, 1 bit."""
    rng = numpy.random.default_rng(level)
    options = [cv2.IMWRITE_PNG_COMPRESSION, level, cv2.IMWRITE_PNG_STRATEGY, strategy]
    for channels in (1, 3, 4):
        for kind in (numpy.uint8, numpy.uint16):
            pixels = rng.integers(0, 200, (150, 131, channels)).astype(kind)
            _, data = cv2.imencode(".png", pixels, options)
            assert verdict_on(data.tobytes()).verdict == "ok"
    _, data = cv2.imencode(".png", rng.integers(0, 2, (60, 41)), [*options, 4, 1])
    assert verdict_on(data.tobytes()).verdict == "ok"


def _animation() -> bytes:
    out = io.BytesIO()
    frames = [Image.fromarray(numpy.eye(9, dtype=numpy.uint8) * value) for value in (9, 99, 255)]
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:])
    return out.getvalue()


NOTES = {
    "bytes after IEND": (lambda: film() + b"more", "4 bytes after the end"),
    "a second file after IEND": (lambda: film() * 2, f"{len(film())} bytes after the end"),
    "bytes after the stream": (
        lambda: with_stream(film(), stream_of(film()) + b"abc"), "3 bytes after the compressed",
    ),
    "an IDAT after the stream": (
        lambda: with_stream(film(), stream_of(film()), b"abc"), "3 bytes after the compressed",
    ),
    "more pixels than Pillow opens": (
        lambda: with_rows(lambda rows: bytes(2500 * 9001 - 1) + b"\1")(
            with_header(0, struct.pack(">IIB", 19992, 9001, 1))(film())
        ),
        "so many pixels",
    ),
    "an animation": (_animation, "an animation, of which the still image was tested"),
}  # fmt: skip


@pytest.mark.parametrize("name", NOTES)
def test_oddities_are_no_damage(name: str) -> None:
    """What leaves all pixels right is told, and is no damage."""
    build, note = NOTES[name]
    verdict = verdict_on(build())
    assert verdict.verdict == "ok"
    assert verdict.detail and verdict.detail.startswith(note)


@pytest.mark.parametrize("level", [0, 1, 9])
@pytest.mark.parametrize("value", [0, 1, 77, 40000])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "I;16"])
def test_constant_images_are_suspect(mode: str, value: int, level: int, library: str) -> None:
    """An image of equal pixels is suspect, however it is compressed; one other pixel saves it."""
    pixels = numpy.full((40, 37), value, numpy.uint16)
    if mode != "I;16":
        pixels = (pixels % 2 * 255 if mode == "1" else pixels % 200).astype(numpy.uint8)
    image = Image.fromarray(pixels)
    image = image if mode == "I;16" else image.convert(mode)
    verdict = verdict_on(written(image, compress_level=level))
    assert (verdict.verdict, verdict.reason) == ("suspect", "constant")
    image.putpixel((36, 39), 3 if mode not in ("1", "P") else not value % 2)
    assert verdict_on(written(image, compress_level=level)).verdict == "ok"


@pytest.mark.parametrize(("color", "bits", "interlaced"), KINDS)
def test_constant_rows_with_any_filter(color: int, bits: int, interlaced: int) -> None:
    """Constant images are told from their filtered rows, as from the unfiltered ones."""
    rng = random.Random(f"{color} {bits} {interlaced}")
    for _ in range(12):
        size = (rng.randint(1, 20), rng.randint(1, 20))
        data = make(rng.randrange(10**6), color, bits, interlaced, size)
        raw = bytearray(zlib.decompress(stream_of(data)))
        constants = with_rows(lambda rows: bytes(len(rows)))(data)
        assert constant(constants)
        assert verdict_on(constants).reason == "constant"
        filters = rng.choices((0, 0, 1, 2, 4), k=len(raw))
        raw[:] = bytes(filters[at] if byte else 0 for at, byte in enumerate(raw))
        _compare(with_stream(data, zlib.compress(bytes(raw))))


def test_quick_sees_chunks_only() -> None:
    """With quick the chunks and CRCs are tested, the pixels are not, and the detail says so."""
    assert verdict_on(film(), quick=True).detail == "pixels not inflated"
    assert verdict_on(film(), quick=True).verdict == "ok"
    for name, (damage, reason) in DAMAGES.items():
        verdict = verdict_on(damage(film()), quick=True)
        seen = reason not in ("stream", "length", "filter")
        assert (verdict.reason == reason) == seen, name


class Slow(io.RawIOBase):
    """A stream that gives a few bytes at a time, made up as they are asked for, then fails."""

    def __init__(self, parts: Iterator[bytes], *, most: int = 1 << 20, fails: bool = False) -> None:
        self._parts = parts
        self._rest = b""
        self._most = most
        self._fails = fails

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, memory: memoryview) -> int:  # type: ignore[override]
        """Give some bytes."""
        while not self._rest:
            part = next(self._parts, None)
            if part is None:
                if self._fails:
                    raise OSError(5, "Input/output error")
                return 0
            self._rest = part
        count = min(len(memory), len(self._rest), self._most)
        memory[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


@pytest.mark.parametrize("most", [1, 7, 4096])
def test_how_the_bytes_come_changes_nothing(most: int) -> None:
    """A stream that gives little at a time has the same verdict, on sound and damaged files."""
    for damage, _ in [(lambda data: data, ""), *DAMAGES.values()]:
        data = damage(film())
        assert judge(Slow(iter([data]), most=most), "a.png") == verdict_on(data)


@pytest.mark.full
def test_several_threads() -> None:
    """Files that are tested at the same time have the verdicts that they have one by one."""
    files = [damage(film(300, 120, seed)) for seed in (1, 2) for damage, _ in DAMAGES.values()]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(verdict_on, files)) == [verdict_on(data) for data in files]


def test_a_stream_that_fails_is_unreadable() -> None:
    """An error of the disk is a verdict, with no digest of bytes that were never read."""
    verdict = judge(Slow(iter([film()[:500]]), fails=True), "a.png")
    assert (verdict.verdict, verdict.reason) == ("damaged", "unreadable")
    assert (verdict.detail, verdict.digest) == ("Input/output error", None)


def _endless(head: bytes, name: bytes, size: int, part: bytes) -> Iterator[bytes]:
    yield head + struct.pack(">I4s", size, name)
    for _ in range(size // len(part)):
        yield part


def _header(width: int, height: int, bits: int = 16, color: int = 0) -> bytes:
    ihdr = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", ihdr)


@functools.cache
def _zeros() -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()


def _bomb(width: int, height: int) -> bytes:
    return _header(width, height) + chunk(b"IDAT", _zeros()) + chunk(b"IEND")


HOSTILE: dict[str, tuple[Callable[[], io.RawIOBase], str]] = {
    "10 million rows": (
        lambda: Slow(iter([_header(5000, 10**7), *(film()[33:],)])), "length",
    ),
    "2^31 - 1 columns and rows": (
        lambda: Slow(iter([_header(2**31 - 1, 2**31 - 1, color=6), film()[33:]])), "length",
    ),
    "200 MB of zeros for a film": (lambda: Slow(iter([_bomb(2000, 2500)])), "length"),
    "200 MB of zeros, too few": (lambda: Slow(iter([_bomb(60000, 60000)])), "length"),
    "a text chunk of 1 GB": (
        lambda: Slow(_endless(film()[:33], b"tEXt", 1 << 30, bytes(1 << 20))), "truncated",
    ),
    "an IDAT of 1 GB": (
        lambda: Slow(_endless(film()[:33], b"IDAT", 1 << 30, b"\x78" * (1 << 20))), "truncated",
    ),
}  # fmt: skip


@pytest.mark.sampled
@pytest.mark.parametrize("name", HOSTILE)
def test_memory_is_bounded(name: str) -> None:
    """Whatever a header or a chunk claims, a few MB of memory are enough."""
    build, reason = HOSTILE[name]
    stream = build()
    tracemalloc.start()
    try:
        verdict = judge(stream, "a.png")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (verdict.verdict, verdict.reason) == ("damaged", reason)
    assert most < 6 << 20


def test_which_library_inflates(monkeypatch: pytest.MonkeyPatch) -> None:
    """isal, where it is installed; else zlib-ng, else zlib; on Apple's processors zlib-ng first."""
    there = set(LIBRARIES)

    def load(module: str) -> object:
        if not any(inflate._MODULES[name] == module for name in there):
            raise ImportError(module)
        return zlib

    monkeypatch.setattr(inflate.importlib, "import_module", load)
    monkeypatch.setattr(inflate.sys, "platform", "linux")
    chosen = []
    for name in LIBRARIES:
        inflate.library.cache_clear()
        chosen.append(inflate.library())
        there.discard(name)
    there |= set(LIBRARIES)
    monkeypatch.setattr(inflate.sys, "platform", "darwin")
    monkeypatch.setattr(inflate.platform, "machine", lambda: "arm64")
    inflate.library.cache_clear()
    assert [*chosen, inflate.library()] == [*LIBRARIES, "zlib-ng"]
    inflate.library.cache_clear()
