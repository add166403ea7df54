"""The test of JPEG files: stricter than Pillow, and no sound file is refused."""

import io
import random
import struct
from collections.abc import Callable

import cv2
import numpy
import pytest
from PIL import Image

from tests.support.jpeg_files import block_jpeg, lossless_jpeg
from tests.support.judges import pillow_refuses, sound, verdict_on


def film(mode: str = "L", size: tuple[int, int] = (150, 210), **options: object) -> bytes:
    """Return a film as Pillow writes it."""
    rng = numpy.random.default_rng(1)
    shape = (size[1], size[0], len(Image.new(mode, (1, 1)).getbands()))
    ramp = numpy.linspace(20, 220, shape[0])[:, None, None] + rng.normal(0, 9, shape)
    pixels = numpy.clip(ramp, 0, 255).astype(numpy.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels[..., 0] if mode == "L" else pixels, mode).save(out, "JPEG", **options)
    return out.getvalue()


SOUND: dict[str, Callable[[], bytes]] = {
    "gray": film,
    "progressive": lambda: film(progressive=True),
    "optimized": lambda: film(optimize=True, quality=95),
    "color": lambda: film("RGB"),
    "color 4:4:4": lambda: film("RGB", subsampling=0),
    "color, progressive": lambda: film("RGB", progressive=True, subsampling=1),
    "rgb": lambda: film("RGB", keep_rgb=True),
    "cmyk": lambda: film("CMYK"),
    "one pixel more than blocks": lambda: film(size=(17, 9)),
    "one row": lambda: film(size=(100, 1)),
    "profile and comment": lambda: film(icc_profile=b"profile" * 20000, comment=b"made up"),
    "exif": lambda: film(exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"),
    "restarts": lambda: bytes(
        cv2.imencode(
            ".jpg",
            numpy.random.default_rng(1).integers(0, 255, (99, 77), numpy.uint8),
            [cv2.IMWRITE_JPEG_RST_INTERVAL, 3],
        )[1]
    ),
    "a later revision of JFIF": lambda: film().replace(b"JFIF\0\1", b"JFIF\0\2"),
    "a profile whose parts are numbered wrong": lambda: film(
        icc_profile=b"profile" * 20000
    ).replace(b"ICC_PROFILE\0\2", b"ICC_PROFILE\0\7"),
    "fill bytes before a marker": lambda: film()[:2] + b"\xff\xff" + film()[2:],
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_files_pass(name: str) -> None:
    """What Pillow and OpenCV write passes, of all colours and kinds."""
    verdict = verdict_on(SOUND[name](), "film.jpg")
    assert (verdict.verdict, verdict.detail) == ("ok", None)
    assert (verdict.format, verdict.bits) == ("jpeg", 8)
    with Image.open(io.BytesIO(SOUND[name]())) as image:
        assert (verdict.width, verdict.height) == image.size


def with_bytes(marker: int, place: int, new: bytes) -> Callable[[bytes], bytes]:
    """Return a damage that overwrites bytes of the segment of a marker, counted from its begin."""

    def damaged(data: bytes) -> bytes:
        at = data.index(bytes([0xFF, marker])) + place
        return data[:at] + new + data[at + len(new) :]

    return damaged


def without(marker: int) -> Callable[[bytes], bytes]:
    """Return a damage that takes the first segment of a marker out."""

    def damaged(data: bytes) -> bytes:
        at = data.index(bytes([0xFF, marker]))
        (length,) = struct.unpack_from(">H", data, at + 2)
        return data[:at] + data[at + 2 + length :]

    return damaged


SCAN = film().index(b"\xff\xda") + 14
DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut in half": (lambda data: data[: len(data) // 2], "truncated"),
    "cut before EOI": (lambda data: data[:-2], "truncated"),
    "cut in EOI": (lambda data: data[:-1], "truncated"),
    "cut in the tables": (lambda data: data[:100], "truncated"),
    "cut after SOI": (lambda data: data[:2], "truncated"),
    "half the pixels cut, EOI there": (lambda d: d[: len(d) // 2] + b"\xff\xd9", "decode"),
    "one byte of pixels lost": (lambda d: d[: len(d) // 2] + d[len(d) // 2 + 1 :], "decode"),
    "a sector of zeros": (lambda d: d[:1024] + bytes(512) + d[1536:], "decode"),
    "no pixels": (lambda data: data[:SCAN] + b"\xff\xd9", "decode"),
    "no scan": (lambda data: data[: SCAN - 14] + b"\xff\xd9", "chunk"),
    "no frame": (without(0xC0), "chunk"),
    "two frames": (
        lambda d: d[: (at := d.index(b"\xff\xc0"))] + d[at : at + 13] + d[at:], "chunk",
    ),
    "no quantization table": (without(0xDB), "decode"),
    "stray bytes between segments": (lambda data: data[:2] + b"abc" + data[2:], "chunk"),
    "a segment of one byte": (with_bytes(0xDB, 2, b"\0\1"), "chunk"),
    "twice as many rows": (with_bytes(0xC0, 5, b"\1\xa4"), "decode"),
    "no columns": (with_bytes(0xC0, 7, b"\0\0"), "header"),
    "components that aren't told": (with_bytes(0xC0, 9, b"\3"), "header"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found(name: str) -> None:
    """Each kind of damage is found, for its reason."""
    damage, reason = DAMAGES[name]
    verdict = verdict_on(damage(film()), "film.jpg")
    assert (verdict.verdict, verdict.reason, verdict.format) == ("damaged", reason, "jpeg"), verdict
    assert verdict.detail


def test_pillow_passes_some_of_it() -> None:
    """Sectors of zeros and lost pixels are damage that Pillow's decode doesn't see."""
    passed = {name for name, (damage, _) in DAMAGES.items() if not pillow_refuses(damage(film()))}
    assert {"a sector of zeros", "half the pixels cut, EOI there", "no pixels"} <= passed


RARE_FACTORS: list[list[tuple[int, int]]] = [
    [(4, 2), (1, 1), (1, 1)], [(1, 3), (1, 1), (1, 1)], [(1, 1), (1, 2), (3, 1)],
    [(2, 2), (1, 1), (1, 1), (2, 2)], [(3, 1), (3, 1), (1, 1)],
]  # fmt: skip


@pytest.mark.parametrize("factors", RARE_FACTORS)
def test_rare_sampling_factors_pass(factors: list[tuple[int, int]]) -> None:
    """Factors of 1 to 4 are sound, whatever few encoders take; and what lacks is found."""
    whole = block_jpeg(factors)
    verdict = verdict_on(whole, "film.jpg")
    assert (verdict.verdict, verdict.detail) == ("ok", None)
    assert (verdict.width, verdict.height) == (90, 70)
    assert not pillow_refuses(whole)
    for damaged in _halved(whole).values():
        found = verdict_on(damaged, "film.jpg")
        assert found.verdict == "damaged"


def test_factors_that_no_library_takes() -> None:
    """Sound codes that nothing here decodes are untested; more than T.81 allows is damage."""
    verdict = verdict_on(block_jpeg([(3, 1), (2, 1), (1, 1)]), "film.jpg")
    assert (verdict.verdict, verdict.reason) == ("untested", "no decoder")
    assert "sampling factors" in str(verdict.detail)
    verdict = verdict_on(block_jpeg([(3, 2), (3, 1), (1, 2)]), "film.jpg")
    assert (verdict.verdict, verdict.reason) == ("damaged", "header")


def _halved(data: bytes) -> dict[str, bytes]:
    """Return a film of which half of the codes are gone, or zeros, or of which a byte is lost."""
    begin = data.index(b"\xff\xda") + 14
    middle = (begin + len(data)) // 2
    return {
        "half": data[:middle] + data[-2:],
        "zeros": data[:middle] + bytes(len(data) - middle - 2) + data[-2:],
        "a byte": data[:middle] + data[middle + 1 :],
    }


@pytest.mark.parametrize("kind", ["lossless", "12 bits"])
def test_kinds_that_nothing_decodes_are_still_followed(kind: str) -> None:
    """A lossless film, or one of 12 bits, is named as what it is; half of one is damaged."""
    rng = numpy.random.default_rng(3)
    pixels = rng.normal(30_000, 900, (130, 110)).astype("uint16")
    whole = lossless_jpeg(pixels) if kind == "lossless" else block_jpeg([(1, 1)], 900, 800, 12)
    verdict = verdict_on(whole, "film.jpg")
    assert (verdict.verdict, verdict.reason) == ("untested", "no decoder")
    told = {"lossless": "a lossless JPEG of 16 bits", "12 bits": "a sequential JPEG of 12 bits"}
    assert str(verdict.detail).startswith(told[kind])
    for name, damaged in _halved(whole).items():
        assert verdict_on(damaged, "film.jpg").verdict == "damaged", name


def test_arithmetic_codes_are_not_claimed() -> None:
    """Any bytes are arithmetic codes, so that no film of them is called sound."""
    whole = block_jpeg([(1, 1)], 16, 16)
    data = with_bytes(0xC1, 1, b"\xc9")(whole)
    data = data[: data.index(b"\xff\xda") + 10] + b"\xff\xd9"  # nothing at all is taken for zeros
    verdict = verdict_on(data, "film.jpg")
    assert (verdict.verdict, verdict.reason) == ("untested", "no decoder")
    assert "arithmetic" in str(verdict.detail)


UNTESTED = {
    "12 bits": (with_bytes(0xC0, 4, b"\x0c"), "no decoder"),
    "rows told later": (with_bytes(0xC0, 5, b"\0\0"), "no decoder"),
    "65,500 x 65,500 pixels": (with_bytes(0xC0, 5, b"\xff\xdc\xff\xdc"), "too large"),
}


@pytest.mark.parametrize("name", UNTESTED)
def test_what_nothing_decodes_is_untested(name: str) -> None:
    """A file that may be sound and can't be decoded is neither ok nor damaged."""
    damage, reason = UNTESTED[name]
    verdict = verdict_on(damage(film()), "film.jpg")
    assert (verdict.verdict, verdict.reason) == ("untested", reason)


@pytest.mark.parametrize("name", SOUND)
def test_mutations(name: str) -> None:
    """Whatever Pillow refuses of mutated files is refused; most other damage too."""
    rng, whole = random.Random(name), SOUND[name]()
    for _ in range(120):
        at, count = rng.randrange(2, len(whole)), rng.choice((1, 4, 64))
        flip = bytes([whole[at] ^ 1 << rng.randrange(8)])
        data = rng.choice(
            (
                whole[:at] + flip + whole[at + 1 :],
                whole[:at],
                whole[:at] + whole[at + count :],
                whole[:at] + bytes(count) + whole[at + count :],
                whole[:at] + rng.randbytes(count) + whole[at:],
            )
        )
        verdict = verdict_on(data, "film.jpg")
        assert not (sound(verdict) and pillow_refuses(data)), verdict


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 100}])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_constant_images_are_suspect(mode: str, options: dict[str, object]) -> None:
    """An image of equal pixels is suspect; a few others within one block save it."""
    image = Image.new(mode, (120, 90), 77 if mode == "L" else (77, 99, 11, 0)[: len(mode)])
    for verdict in ("suspect", "ok"):
        out = io.BytesIO()
        image.save(out, "JPEG", **options)
        found = verdict_on(out.getvalue(), "film.jpg")
        assert found.verdict == verdict
        assert (found.reason == "constant") == (verdict == "suspect")
        white = 255 if mode == "L" else (255,) * len(mode)
        image.paste(white, (8, 8, 10, 10))


def test_notes() -> None:
    """Bytes after the end are told; so is a name that says another kind of file."""
    assert verdict_on(film() + b"more", "film.jpg").detail == "4 bytes after the end"
    assert verdict_on(film(), "film.JPEG").detail is None
    verdict = verdict_on(film(), "film.png")
    assert (verdict.verdict, verdict.detail) == ("ok", "its bytes are jpeg, whatever its name says")


def test_quick_sees_markers_only() -> None:
    """With quick the pixels are not decoded, and the detail says so."""
    assert verdict_on(film(), "film.jpg", quick=True).detail == "pixels not decoded"
    for name, (damage, reason) in DAMAGES.items():
        verdict = verdict_on(damage(film()), "film.jpg", quick=True)
        assert (verdict.verdict == "ok") == (reason == "decode"), name
