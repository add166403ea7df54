"""Members of zips: the bytes of the files, from several threads and processes, or a clear error."""

import io
import multiprocessing
import os
import pickle
import random
import struct
import zipfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cxr_duck.images.files.folder import ImageFolder
from cxr_duck.images.formats import examine, inflate
from tests.conftest import examples

STORED, DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
METHODS = pytest.mark.parametrize("method", [STORED, DEFLATED], ids=["stored", "deflated"])


def film(seed: int, side: int = 200) -> bytes:
    """Return a 16-bit PNG."""
    pixels = np.random.default_rng(seed).normal(30_000, 500, (side, side)).astype(np.uint16)
    png = io.BytesIO()
    Image.fromarray(pixels).save(png, "PNG", compress_level=1)
    return png.getvalue()


def write_zip(file: Path, members: dict[str, bytes], method: int = DEFLATED) -> Path:
    """Write a zip of some members."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file


@pytest.fixture(params=["isal", "zlib-ng", "zlib"])
def inflating(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a member be inflated by each of the modules that can."""
    pytest.importorskip(inflate._MODULES[request.param])
    monkeypatch.setattr(inflate, "library", lambda: request.param)


@pytest.mark.sampled
@METHODS
@pytest.mark.usefixtures("inflating")
@pytest.mark.parametrize("piece", [1, 7, 4096, 1 << 18, -1])
def test_members_are_identical_to_files(tmp_path: Path, method: int, piece: int) -> None:
    """A member read in any pieces has the bytes that were put in, an empty one too."""
    side = 30 if piece == 1 else 400
    members = {"1.png": film(1, side), "a/b/2.png": film(2, side), "none.png": b""}
    members["zeros.png"] = bytes(3_000 if piece == 1 else 3_000_000)
    write_zip(tmp_path / "0.zip", members, method)
    folder = ImageFolder(tmp_path)
    for name, content in members.items():
        with folder.open(f"0.zip/{name}") as stream:
            read = b"".join(iter(lambda: stream.read(piece), b""))
        assert read == content
        assert folder.read(f"0.zip/{name}") == content
        assert folder.stat(f"0.zip/{name}") == (
            len(content), (tmp_path / "0.zip").stat().st_mtime_ns,
        )  # fmt: skip
        assert folder.plain_file(f"0.zip/{name}") is None


@METHODS
def test_a_stream_can_be_searched(tmp_path: Path, method: int) -> None:
    """Decoders that go back and forth, such as those of DICOM, read the same as from a file."""
    content = film(3, 500)
    write_zip(tmp_path / "0.zip", {"1.png": content}, method)
    with ImageFolder(tmp_path).open("0.zip/1.png") as stream:
        for place, whence in ((100, 0), (300_000, 0), (0, 0), (-50, 2), (-20, 1), (5, 1), (9, 0)):
            stream.seek(place, whence)
            at = stream.tell()
            assert stream.read(40) == content[at : at + 40]
        stream.seek(0)
        assert stream.read() == content
    with ImageFolder(tmp_path).open("0.zip/1.png") as stream, Image.open(stream) as image:
        assert image.mode == "I;16"
        image.load()


def test_places_of_zips(tmp_path: Path) -> None:
    """A zip may lie in a folder, end in capitals, or be a folder that is only called so."""
    content = film(4)
    write_zip(tmp_path / "images" / "0.zip", {"1.png": content})
    write_zip(tmp_path / "B.ZIP", {"in.zip/1.png": content})
    (tmp_path / "folder.zip").mkdir()
    (tmp_path / "folder.zip" / "1.png").write_bytes(content)
    write_zip(tmp_path / "folder.zip" / "2.zip", {"1.png": content})
    folder = ImageFolder(tmp_path)
    for path in (
        "images/0.zip/1.png", "B.ZIP/in.zip/1.png", "folder.zip/1.png", "folder.zip/2.zip/1.png",
    ):  # fmt: skip
        assert folder.read(path) == content
    assert folder.plain_file("folder.zip/1.png") == tmp_path / "folder.zip" / "1.png"


def test_threads(tmp_path: Path) -> None:
    """Many threads read many members at once, with one descriptor a zip."""
    members = {f"{number}.png": film(number) for number in range(40)}
    write_zip(tmp_path / "0.zip", members)
    write_zip(tmp_path / "1.zip", members, STORED)
    folder = ImageFolder(tmp_path)
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else None
    paths = [f"{number % 2}.zip/{number % 40}.png" for number in range(600)]
    random.Random(1).shuffle(paths)
    with ThreadPoolExecutor(16) as pool:
        for path, content in zip(paths, pool.map(folder.read, paths), strict=True):
            assert content == members[path.split("/")[1]]
    if before is not None:
        assert len(os.listdir("/proc/self/fd")) == before + 2
        del folder
        assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_processes(tmp_path: Path, start: str) -> None:
    """A folder that was used is handed to other processes, by pickling or by a fork."""
    members = {f"{number}.png": film(number) for number in range(6)}
    write_zip(tmp_path / "0.zip", members)
    folder = ImageFolder(tmp_path)
    assert folder.read("0.zip/0.png") == members["0.png"]
    copy = pickle.loads(pickle.dumps(folder))
    assert copy.root == folder.root
    with folder._lock, ProcessPoolExecutor(
        2, multiprocessing.get_context(start), initializer=_keep, initargs=(folder,)
    ) as pool:  # fmt: skip
        write_zip(tmp_path / "1.zip", members, STORED)
        paths = [f"{zipped}.zip/{name}" for zipped in (0, 1) for name in members]
        assert list(pool.map(_read, paths)) == [*members.values()] * 2


_kept: list[ImageFolder] = []


def _keep(folder: ImageFolder) -> None:
    _kept.append(folder)


def _read(path: str) -> bytes:
    return _kept[0].read(path)


def zip_with_a_descriptor(file: Path, content: bytes) -> None:
    """Write a zip to where nothing can be written again: sizes follow the data."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.pieces: list[bytes] = []

        def writable(self) -> bool:
            return True

        def write(self, piece: object) -> int:
            self.pieces.append(bytes(piece))  # type: ignore[call-overload]
            return len(self.pieces[-1])

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", DEFLATED) as archive:
        archive.writestr("1.png", content)
    written = b"".join(pipe.pieces)
    assert b"PK\x07\x08" in written
    file.write_bytes(written)


def zip_with_a_comment(file: Path, content: bytes) -> None:
    """Write a zip whose comment looks like the end of a zip."""
    with zipfile.ZipFile(file, "w", DEFLATED) as archive:
        archive.writestr("1.png", content)
        archive.comment = b"made up " * 1000


def zip_with_bytes_before_it(file: Path, content: bytes) -> None:
    """Write a zip behind a program that would unpack it."""
    write_zip(file, {"1.png": content}, STORED)
    file.write_bytes(b"#!/bin/sh\n" * 1000 + file.read_bytes())


def zip_with_other_local_lengths(file: Path, content: bytes) -> None:
    """Write a zip whose local header has a longer extra field than its directory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", STORED) as archive:
        member = zipfile.ZipInfo("1.png")
        member.extra = struct.pack("<HH20s", 0xCAFE, 20, bytes(20))
        archive.writestr(member, content)
    whole = buffer.getvalue()
    directory = whole.rindex(b"PK\x01\x02")
    entry = bytearray(whole[directory:])
    (length,) = struct.unpack_from("<H", entry, 30)
    assert length == 24
    struct.pack_into("<H", entry, 30, 0)
    name_end = 46 + len("1.png")
    del entry[name_end : name_end + length]
    end = entry.rindex(b"PK\x05\x06")
    struct.pack_into("<I", entry, end + 12, end)
    file.write_bytes(whole[:directory] + entry)


def zip64(file: Path, content: bytes) -> None:
    """Write a zip of 5 GB, most of it a hole, whose member lies behind them."""
    with file.open("wb") as stream:
        stream.seek(5 << 30)
        with zipfile.ZipFile(stream, "w", DEFLATED) as archive:
            with archive.open(zipfile.ZipInfo("1.png"), "w", force_zip64=True) as member:
                member.write(content)
            archive.start_dir = stream.tell()
    assert file.stat().st_size > 5 << 30


def zip_of_66000(file: Path, content: bytes) -> None:
    """Write a zip of more members than an old one can count."""
    with zipfile.ZipFile(file, "w", STORED) as archive:
        for number in range(66_000):
            archive.writestr(f"{number}.txt", b"")
        archive.writestr("1.png", content)


@pytest.mark.sampled
@pytest.mark.parametrize(
    "make",
    [
        zip_with_a_descriptor, zip_with_a_comment, zip_with_bytes_before_it,
        zip_with_other_local_lengths, zip64, zip_of_66000,
    ],
    ids=lambda make: make.__name__,
)  # fmt: skip
def test_forms_of_zips(tmp_path: Path, make: Callable[[Path, bytes], None]) -> None:
    """Whatever form a zip has that the standard allows, its member is read."""
    content = film(5)
    make(tmp_path / "0.zip", content)
    assert ImageFolder(tmp_path).read("0.zip/1.png") == content
    assert ImageFolder(tmp_path).stat("0.zip/1.png")[0] == len(content)


def patched(whole: bytes, signature: bytes, place: int, form: str, value: int) -> bytes:
    """Return a zip with a number of its only member's header changed."""
    copy = bytearray(whole)
    struct.pack_into(form, copy, copy.index(signature) + place, value)
    return bytes(copy)


CENTRAL, LOCAL = b"PK\x01\x02", b"PK\x03\x04"
DAMAGE: dict[str, tuple[int, Callable[[bytes], bytes], str]] = {
    "crc": (DEFLATED, lambda z: patched(z, CENTRAL, 16, "<I", 1), "CRC-32 is not"),
    "crc of a stored one": (STORED, lambda z: patched(z, CENTRAL, 16, "<I", 1), "CRC-32 is not"),
    "longer": (DEFLATED, lambda z: patched(z, CENTRAL, 24, "<I", 5000), "longer than the zip"),
    "shorter": (DEFLATED, lambda z: patched(z, CENTRAL, 24, "<I", 10**6), "shorter than the zip"),
    "cut": (DEFLATED, lambda z: patched(z, CENTRAL, 20, "<I", 5000), "end too early"),
    "sizes differ": (STORED, lambda z: patched(z, CENTRAL, 20, "<I", 5000), "two sizes"),
    "flipped bits": (
        DEFLATED,
        lambda z: z[:20_000] + bytes(b ^ 0xFF for b in z[20_000:20_200]) + z[20_200:],
        "can't be inflated|longer|shorter|early|CRC",
    ),
    "flipped bits, stored": (STORED, lambda z: z[:9000] + b"made up" + z[9007:], "CRC-32 is not"),
    "zeroes": (DEFLATED, lambda z: z[:20_000] + bytes(4096) + z[24_096:],
               "can't be inflated|longer|shorter|early|CRC"),
    "no local header": (DEFLATED, lambda z: patched(z, LOCAL, 0, "<I", 0), "has no member where"),
    "offset behind the end": (
        DEFLATED, lambda z: patched(z, CENTRAL, 42, "<I", len(z) - 3), "has no member where",
    ),
    "stored behind the end": (
        STORED,
        lambda z: patched(patched(z, CENTRAL, 20, "<I", 10**6), CENTRAL, 24, "<I", 10**6),
        "zip ends before it",
    ),
    "encrypted": (DEFLATED, lambda z: patched(z, CENTRAL, 8, "<H", 1), "is encrypted"),
    "another method": (DEFLATED, lambda z: patched(z, CENTRAL, 10, "<H", 12), "method 12"),
    "no directory": (DEFLATED, lambda z: z[: len(z) // 2], "it is cut, or no zip"),
    "empty": (DEFLATED, lambda z: b"", "it is cut, or no zip"),
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.usefixtures("inflating")
def test_damage_inside_a_zip(tmp_path: Path, kind: str) -> None:
    """No damage of the zip is taken for a good image: an OSError says what it is."""
    method, damage, message = DAMAGE[kind]
    file = write_zip(tmp_path / "0.zip", {"1.png": film(6)}, method)
    assert ImageFolder(tmp_path).read("0.zip/1.png") == film(6)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(OSError, match=message):
        ImageFolder(tmp_path).read("0.zip/1.png")
    folder = ImageFolder(tmp_path)
    with pytest.raises(OSError, match=message):
        size, _ = folder.stat("0.zip/1.png")
        with folder.open("0.zip/1.png") as stream:
            for place in range(0, size, 100):
                stream.read(min(100, size - place))  # who stops at the last byte is told as well


def test_what_is_not_there(tmp_path: Path) -> None:
    """No zip, no member and no file are FileNotFoundError, for opening and for asking."""
    write_zip(tmp_path / "0.zip", {"1.png": film(7)})
    folder = ImageFolder(tmp_path)
    for path in ("9.zip/1.png", "0.zip/9.png", "0.zip/../0.zip", "9.png"):
        with pytest.raises(FileNotFoundError):
            folder.open(path)
        with pytest.raises(FileNotFoundError):
            folder.stat(path)


@examples(60)
@given(
    contents=st.lists(st.binary(max_size=5000), min_size=1, max_size=5),
    method=st.sampled_from([STORED, DEFLATED]),
    level=st.integers(0, 9),
    before=st.binary(max_size=50),
    flipped=st.integers(0, 10**9),
)
def test_no_changed_byte_passes(
    tmp_path_factory: pytest.TempPathFactory,
    contents: list[bytes],
    method: int,
    level: int,
    before: bytes,
    flipped: int,
) -> None:
    """Whichever byte of a zip changes, a member is read as it was put in, or not at all."""
    folder = tmp_path_factory.mktemp("zips")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method, compresslevel=level) as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"{number}.png", content)
    whole = bytearray(before + buffer.getvalue())
    (folder / "good.zip").write_bytes(whole)
    whole[flipped % len(whole)] ^= 1 + flipped % 255
    (folder / "bad.zip").write_bytes(whole)
    images = ImageFolder(folder)
    for number, content in enumerate(contents):
        assert images.read(f"good.zip/{number}.png") == content
        try:
            read = images.read(f"bad.zip/{number}.png")
        except OSError:
            continue
        assert read == content


def test_verdicts_are_those_of_files(tmp_path: Path) -> None:
    """An image in a zip is tested as one in a folder is."""
    content = film(8)
    members = {"whole.png": content, "cut.png": content[:-100], "text.png": b"none", "no.png": b""}
    write_zip(tmp_path / "0.zip", members)
    write_zip(tmp_path / "1.zip", members, STORED)
    folder = ImageFolder(tmp_path)
    for name, there in members.items():
        (tmp_path / name).write_bytes(there)
        with folder.open(name) as stream:
            wanted = examine.examine_image(stream, name)
        assert wanted.verdict == ("ok" if name == "whole.png" else "damaged")
        for zipped in ("0.zip", "1.zip"):
            with folder.open(f"{zipped}/{name}") as stream:
                assert examine.examine_image(stream, name) == wanted


@METHODS
@pytest.mark.parametrize("name", ["1.png", "1.jpg"])
def test_damage_of_the_zip_is_damage_of_the_image(tmp_path: Path, method: int, name: str) -> None:
    """A healthy image whose zip is damaged is damaged: the file can't be read."""
    image = io.BytesIO()
    Image.effect_noise((300, 300), 50).save(image, "PNG" if name.endswith("png") else "JPEG")
    file = write_zip(tmp_path / "0.zip", {name: image.getvalue() + b"a note after the end"}, method)
    whole = file.read_bytes()
    with ImageFolder(tmp_path).open(f"0.zip/{name}") as stream:
        assert examine.examine_image(stream, name).verdict == "ok"
    file.write_bytes(patched(whole, CENTRAL, 16, "<I", 1))  # the CRC-32
    with ImageFolder(tmp_path).open(f"0.zip/{name}") as stream:
        verdict = examine.examine_image(stream, name)
    assert (verdict.verdict, verdict.reason) == ("damaged", "unreadable")
