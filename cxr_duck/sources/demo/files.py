"""The files of a made-up repository: its label file, its films, and what is wrong with some."""

import csv
import shutil
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from PIL import Image

from cxr_duck.sources.demo.films import Pixels
from cxr_duck.sources.demo.rows import Row
from cxr_duck.sources.padchest import PADCHEST

__all__ = ["write_film", "write_labels", "zip_films"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_INTO_THE_DATA = 1000  # bytes
_RUN_LENGTHS = 3  # zlib's strategy that compresses films as well as any, and fastest


def write_labels(file: Path, rows: Iterable[Row]) -> None:
    """Write the label file; its first column has no name, as PadChest's has none."""
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, ["", *PADCHEST.columns], lineterminator="\n")
        writer.writeheader()
        writer.writerows(row.columns for row in rows)


def write_film(file: Path, pixels: Pixels, flaw: str) -> None:
    """Write a film as a 16-bit gray PNG, damaged where it has a flaw."""
    png = BytesIO()
    Image.fromarray(pixels).save(png, "PNG", compress_level=1, compress_type=_RUN_LENGTHS)
    file.write_bytes(_damaged(png.getvalue(), flaw) if flaw else png.getvalue())


def zip_films(folder: Path) -> None:
    """Put the films of a folder into a zip beside it, in whose place it comes."""
    with ZipFile(f"{folder}.zip", "w") as archive:
        for film in sorted(folder.iterdir()):
            member = ZipInfo(film.name)  # of the first day of 1980, so that the bytes are the same
            member.compress_type = ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            archive.writestr(member, film.read_bytes())
    shutil.rmtree(folder)


def _damaged(png: bytes, flaw: str) -> bytes:
    data = png.index(b"IDAT") + _INTO_THE_DATA
    if flaw == "truncated":
        return png[: len(png) * 3 // 5]
    if flaw == "empty":
        return b""
    if flaw == "wrong signature":
        return b"MADE UP." + png[len(_SIGNATURE) :]
    if flaw == "flipped byte":
        return png[:data] + bytes([png[data] ^ 0xFF]) + png[data + 1 :]
    return png[:data] + bytes(4096) + png[data + 4096 :]
