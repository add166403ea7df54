"""Pixels: read as they are stored, scaled to 8 bits, made smaller, written again."""

import io
import struct
import subprocess
import sys
import warnings
import zlib
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from cxr_duck.images.formats.examine import examine_image
from cxr_duck.images.pixels import encoding, scaling, sizes
from cxr_duck.images.pixels import pixels as module
from cxr_duck.images.pixels.decoded import Decoded
from cxr_duck.images.pixels.encoding import encode
from cxr_duck.images.pixels.opencv import opencv
from cxr_duck.images.pixels.pixels import read_pixels
from cxr_duck.images.pixels.scaling import Limits, limits_of, scale, to_8bit
from cxr_duck.images.pixels.sizes import shrink
from tests.support.png_files import chunks_of, file_of

FILM = (np.arange(60 * 40).reshape(60, 40) * 27 % 65536).astype(np.uint16)
SMALL = (FILM >> 8).astype(np.uint8)


@pytest.fixture(params=["opencv", "pillow"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a test with OpenCV and without."""
    if request.param == "pillow":
        for one in (module, scaling, sizes, encoding):
            monkeypatch.setattr(one, "opencv", lambda: None)
    elif opencv() is None:
        pytest.skip("OpenCV is not installed")
    return str(request.param)


def written(image: Image.Image, form: str, **options: object) -> io.BytesIO:
    """Return a stream of an image file."""
    stream = io.BytesIO()
    image.save(stream, form, **options)
    stream.seek(0)
    return stream


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_pixels_are_upright(form: str, orientation: int) -> None:
    """A film that its Exif data turn comes upright, as Pillow turns it, and check notes it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = written(Image.fromarray(SMALL), form, exif=exif)
    with Image.open(stream) as image:
        wanted = np.asarray(ImageOps.exif_transpose(image))
    stream.seek(0)
    note = None if orientation == 1 else f"turned by Exif orientation {orientation}"
    assert examine_image(stream, f"a.{form.lower()}").detail == note
    stream.seek(0)
    assert (read_pixels(stream) == wanted).all()


@pytest.mark.usefixtures("engine")
def test_an_animation_is_its_still_image() -> None:
    """With any library, of an animated PNG the image comes that every decoder knows."""
    frames = [Image.fromarray(SMALL), Image.fromarray(SMALL[::-1]), Image.fromarray(SMALL // 2)]
    stream = written(frames[0], "PNG", save_all=True, default_image=True, append_images=frames[1:])
    assert (read_pixels(stream) == SMALL).all()


def test_libraries_warn_nobody() -> None:
    """Nor do the warnings of Pillow, as of a palette with how opaque its colors are."""
    stream = written(Image.fromarray(SMALL).convert("P"), "PNG", transparency=bytes(range(256)))
    command = (
        "import io, sys; from cxr_duck.images.pixels.pixels import read_pixels; "
        "read_pixels(io.BytesIO(sys.stdin.buffer.read()))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", command], input=stream.getvalue(), capture_output=True, check=True
    )
    assert (ran.stdout, ran.stderr) == (b"", b"")


@pytest.mark.usefixtures("engine")
def test_decoders_say_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """What libraries warn of a file that can be read does not reach the terminal."""
    plain = chunks_of(written(Image.fromarray(FILM), "PNG").getvalue())
    odd = [
        (b"iCCP", b"x\0\0" + zlib.compress(b"no profile")),
        (b"acTL", struct.pack(">II", 0, 0)),
        (b"sRGB", b"\x09"),
        (b"tEXt", b"no end"),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = read_pixels(io.BytesIO(file_of([plain[0], *odd, *plain[1:]])))
    assert (found == FILM).all()
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("film", [FILM, SMALL], ids=["16 bits", "8 bits"])
def test_png_keeps_its_bits(film: np.ndarray) -> None:
    """Gray of 16 bits comes as uint16 and gray of 8 as uint8, each pixel as it is stored."""
    found = read_pixels(written(Image.fromarray(film), "PNG"))
    assert found.dtype == film.dtype
    assert (found == film).all()


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("image", "form"),
    [
        (Image.fromarray(SMALL), "JPEG"),
        (Image.fromarray(np.dstack([SMALL, SMALL, SMALL])), "PNG"),
        (Image.fromarray(SMALL).convert("LA"), "PNG"),
        (Image.fromarray(SMALL // 128 * 255).convert("1"), "PNG"),
        (Image.fromarray(SMALL).convert("P"), "PNG"),
    ],
    ids=["jpeg", "rgb", "gray with alpha", "1 bit", "palette"],
)
def test_other_kinds_become_gray(image: Image.Image, form: str) -> None:
    """JPEG, colours, palettes, bits: what Pillow makes gray of them, as uint8."""
    found = read_pixels(written(image, form))
    with Image.open(written(image, form)) as again:
        wanted = np.array(again.convert("L"))
    assert found.dtype == np.uint8
    assert (found == wanted).all()


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    "damage",
    [
        lambda png: b"",
        lambda png: b"no image at all" * 20,
        lambda png: png[: len(png) // 2],
        lambda png: png[:200] + bytes([png[200] ^ 255]) + png[201:],
    ],
    ids=["empty", "other", "truncated", "flipped"],
)
def test_what_cannot_be_decoded_is_an_os_error(damage: object) -> None:
    """A damaged file is an OSError with words, whatever the decoder raises."""
    noise = np.random.default_rng(1).integers(0, 65536, (50, 50)).astype(np.uint16)
    png = written(Image.fromarray(noise), "PNG").getvalue()
    with pytest.raises(OSError, match=r"\w"):
        read_pixels(io.BytesIO(damage(png)))  # type: ignore[operator]


def with_rows(rows: int, height: int, color: int) -> bytes:
    """Return a PNG of 16 bits, gray or coloured, whose sound stream has so many rows of 10."""
    samples = {0: 1, 2: 3}[color]
    noise = np.random.default_rng(2).integers(0, 256, (rows, 1 + 10 * samples * 2), np.uint8)
    noise[:, 0] = 0  # each row's filter: none
    header = struct.pack(">IIBBBBB", 10, height, 16, color, 0, 0, 0)
    return file_of([(b"IHDR", header), (b"IDAT", zlib.compress(noise.tobytes())), (b"IEND", b"")])


@pytest.mark.parametrize("color", [0, 2], ids=["gray", "coloured"])
@pytest.mark.parametrize(
    ("rows", "height"),
    [(10, 20), (19, 20), (20, 4000)],
    ids=["half the rows missing", "one row missing", "wrong height"],
)
def test_every_row_is_there(rows: int, height: int, color: int, engine: str) -> None:
    """A PNG whose sound stream has other rows than its header promises is never made up for."""
    if color and engine == "pillow":  # which would make 8 bits of the 16
        with pytest.raises(OSError, match=r"16 bits of each colour: install cxr-duck\[fast\]"):
            read_pixels(io.BytesIO(with_rows(20, 20, color)))
        return
    assert read_pixels(io.BytesIO(with_rows(20, 20, color))).shape == (20, 10)
    with pytest.raises(OSError, match=r"\w"):
        read_pixels(io.BytesIO(with_rows(rows, height, color)))


@pytest.mark.parametrize("color", [0, 2], ids=["gray", "coloured"])
def test_one_row_too_many(color: int, engine: str) -> None:
    """Of a PNG with a surplus row the pixels are the rows that its header promises."""
    if color and engine == "pillow":
        pytest.skip("16 bits of each colour are read by OpenCV alone")
    surplus, whole = (io.BytesIO(with_rows(rows, 20, color)) for rows in (21, 20))
    assert (read_pixels(surplus) == read_pixels(whole)).all()


def test_what_is_not_installed_is_no_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that can't be imported is told as that, not as an image that can't be read."""

    def lacking(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'made_up'")

    monkeypatch.setattr(module, "_film", lacking)
    with pytest.raises(ModuleNotFoundError, match="made_up"):
        read_pixels(written(Image.fromarray(FILM), "PNG"))


@pytest.mark.parametrize(
    ("stored", "signed", "wanted"),
    [
        (np.array([[0, 4095], [7, 2048]], np.uint16), 0, [[0, 4095], [7, 2048]]),
        (np.array([[-2048, 2047], [0, 1]], np.int16), 1, [[0, 4095], [2048, 2049]]),
    ],
    ids=["unsigned", "signed"],
)
def test_dicom(stored: np.ndarray, signed: int, wanted: list[list[int]]) -> None:
    """A DICOM file gives its stored values; the least that signed bits can hold becomes 0."""
    pydicom = pytest.importorskip("pydicom")
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, signed
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.PixelData = stored.tobytes()
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=False)
    content = bytes(128) + b"DICM" + stream.getvalue().removeprefix(bytes(128) + b"DICM")
    found = read_pixels(io.BytesIO(content))
    assert found.dtype == np.uint16
    assert found.tolist() == wanted


def test_a_larger_file_after_a_smaller_one() -> None:
    """What one read leaves in the buffer never shows in the next, nor in what was read before."""
    chance = np.random.default_rng(5)
    films = [chance.integers(0, 65536, (side, side)).astype(np.uint16) for side in (9, 2500, 30)]
    found = [read_pixels(written(Image.fromarray(film), "PNG", compress_level=0)) for film in films]
    assert all((one == two).all() for one, two in zip(films, found, strict=True))


def test_full_range_divides_by_65535() -> None:
    """Every value of 16 bits becomes the nearest of 255 parts of 65535; 8 bits stay."""
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    wanted = [(2 * value * 255 + 65535) // (2 * 65535) for value in range(65536)]
    assert to_8bit(values).ravel().tolist() == wanted
    assert (to_8bit(SMALL) == SMALL).all()
    clipped = np.array(Image.fromarray(values).convert("L"))
    assert (clipped != to_8bit(values)).any()  # which is why this isn't left to Pillow


def dicom_level(value: int, center: Fraction, width: Fraction) -> Fraction:
    """Return what PS3.3 C.11.2.1.2.1 makes of a value, from 0 to 255, in its own words."""
    if value <= center - Fraction(1, 2) - (width - 1) / 2:
        return Fraction(0)
    if value > center - Fraction(1, 2) + (width - 1) / 2:
        return Fraction(255)
    return ((value - (center - Fraction(1, 2))) / (width - 1) + Fraction(1, 2)) * 255


@given(
    center=st.integers(-100, 4300),
    width=st.integers(1, 5000),
    values=st.lists(st.integers(0, 4095), min_size=1, max_size=20),
)
def test_dicom_window(center: int, width: int, values: list[int]) -> None:
    """A window of centre and width is the standard's linear function, rounded."""
    pixels = np.array([values], np.uint16)
    found = to_8bit(pixels, (center, width), bits_stored=12).ravel()
    for value, level in zip(values, found.tolist(), strict=True):
        assert abs(level - dicom_level(value, Fraction(center), Fraction(width))) <= Fraction(1, 2)


@pytest.mark.parametrize(("bits", "shift"), [(12, 4), (10, 6), (16, 0)])
def test_dicom_window_of_values_that_were_shifted(bits: int, shift: int) -> None:
    """A window counts in stored values, also where those came to stand at the top of 16 bits."""
    stored = np.linspace(0, 2**bits - 1, 500).astype(np.uint16)[None]
    window = (2 ** (bits - 1) + 0.5, 2.0 ** (bits - 1))
    as_stored = to_8bit(stored, window, bits_stored=bits)
    shifted = to_8bit(stored << shift, window, bits_stored=bits)
    assert (as_stored == shifted).all()
    assert 0 < (as_stored == 0).sum() < 200
    assert 0 < (as_stored == 255).sum() < 200


@pytest.mark.usefixtures("engine")
def test_percentiles() -> None:
    """The values that 0.5 and 99.5 percent of the pixels don't exceed become black and white."""
    chance = np.random.default_rng(3)
    for size in ((7, 3), (50, 40), (333, 200)):
        film = chance.integers(0, 65536, size).astype(np.uint16)
        ordered = sorted(film.ravel().tolist())
        wanted = tuple(
            float(ordered[-(-int(percent * 10) * len(ordered) // 1000) - 1])
            for percent in scaling.PERCENTILES
        )
        assert limits_of(Decoded(film), "percentile")[:2] == wanted
        assert (film <= wanted[0]).sum() / film.size >= 0.005
    low, high, _ = limits_of(Decoded(film), "percentile")
    scaled = to_8bit(film, "percentile")
    assert ((scaled == 0) >= (film <= low)).all()
    assert ((scaled == 255) >= (film >= high)).all()


@pytest.mark.parametrize("window", ["full", "percentile", (2000.0, 900.0)])
def test_inverting(window: str | tuple[float, float]) -> None:
    """Inverted, black and white change places, and nothing else."""
    assert (
        to_8bit(FILM, window, bits_stored=12, invert=True)
        == 255 - to_8bit(FILM, window, bits_stored=12)
    ).all()


@pytest.mark.parametrize("window", ["half", (10.0, 0.5), (float("nan"), 10.0)])
def test_windows_that_are_none(window: str | tuple[float, float]) -> None:
    """Another word, or a width below 1, is a ValueError that names it."""
    with pytest.raises(ValueError, match="window"):
        to_8bit(FILM, window)


def test_an_image_of_one_value() -> None:
    """A constant image has no span between black and white, and is neither an error nor noise."""
    flat = np.full((5, 5), 700, np.uint16)
    assert np.unique(to_8bit(flat, "percentile")).size == 1
    assert (scale(flat, Limits(699.0, 699.0, "window")) == 255).all()


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("shape", "size", "wanted"),
    [
        ((2500, 2000), 512, (512, 410)),
        ((400, 1000), 100, (40, 100)),
        ((1000, 1), 10, (10, 1)),
        ((300, 200), 300, (300, 200)),
        ((300, 200), 512, (300, 200)),
    ],
)
def test_the_longer_side_gets_the_size(
    shape: tuple[int, int], size: int, wanted: tuple[int, int]
) -> None:
    """The longer side gets the size and the other keeps the proportion; nothing is enlarged."""
    assert shrink(np.zeros(shape, np.uint16), size).shape == wanted


@pytest.mark.usefixtures("engine")
def test_enlarging_when_asked() -> None:
    """A smaller image is enlarged where it is asked for."""
    assert shrink(FILM, 120, enlarge=True).shape == (120, 80)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_shrinking_averages(depth: type) -> None:
    """A smooth image shrunk is the mean of each block of pixels, within a hundredth of its span."""
    rows, columns = np.mgrid[0:640, 0:480]
    smooth = (np.sin(rows / 90) * np.cos(columns / 70) + 1) / 2
    top = np.iinfo(depth).max
    film = np.rint(smooth * top).astype(depth)
    small = shrink(film, 80)
    blocks = film.reshape(80, 8, 60, 8).mean(axis=(1, 3))
    assert small.dtype == depth
    assert np.abs(small - blocks)[2:-2, 2:-2].max() <= 0.01 * top


@pytest.mark.usefixtures("engine")
def test_shrinking_does_not_wrap_around() -> None:
    """Beside a hard edge nothing overshoots from white to black or back."""
    edge = np.zeros((400, 400), np.uint16)
    edge[:, 200:] = 65535
    small = shrink(edge, 50).astype(int)
    assert (small[:, :20] < 6000).all()
    assert (small[:, 30:] > 59000).all()


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("film", [FILM, SMALL], ids=["16 bits", "8 bits"])
def test_png_is_written_as_it_is(film: np.ndarray) -> None:
    """A PNG holds the very pixels, in their depth, and is the same bytes each time."""
    data = encode(film, "png")
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == ("I;16" if film.dtype == np.uint16 else "L")
        assert (np.array(image) == film).all()
    assert data == encode(film, "png")


def test_jpeg() -> None:
    """A JPEG is gray, near the pixels, smaller with less quality, and the same bytes each time."""
    rows, columns = np.mgrid[0:200, 0:160]
    film = np.rint((np.sin(rows / 20) * np.cos(columns / 30) + 1) * 127).astype(np.uint8)
    good, poor = encode(film, "jpg", 95), encode(film, "jpg", 20)
    with Image.open(io.BytesIO(good)) as image:
        assert (image.format, image.mode) == ("JPEG", "L")
        assert np.abs(np.array(image).astype(int) - film).max() < 8
    assert len(poor) < len(good)
    assert good == encode(film, "jpg", 95)


@pytest.mark.parametrize(("film", "form"), [(FILM, "jpg"), (SMALL, "gif")])
def test_what_no_file_can_hold(film: np.ndarray, form: str) -> None:
    """16 bits don't go into a JPEG, and other formats aren't written."""
    with pytest.raises(ValueError, match=r"JPEG has 8 bits|png or jpg"):
        encode(film, form)
