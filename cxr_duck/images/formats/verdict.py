"""The verdict on an image file, with the reason and the byte where a fault shows."""

from dataclasses import dataclass

__all__ = ["REASONS", "VERDICTS", "Fault", "Verdict"]

VERDICTS = ("ok", "suspect", "damaged", "untested")

# Why a file isn't ok: the first thing that is found.
REASONS = {
    "missing": "there is no file",
    "unreadable": "the file can't be read",
    "empty": "the file has no bytes",
    "not an image": "it doesn't begin as any kind of image that is known",
    "truncated": "the file ends before the image does",
    "chunk": "a part of the file is unknown, misplaced, missing or malformed",
    "header": "the header promises what can't be",
    "crc": "a checksum doesn't fit the bytes that it covers",
    "stream": "the compressed pixels can't be decompressed",
    "length": "there are more or fewer pixels than the header promises",
    "filter": "a row of pixels names a filter that doesn't exist",
    "decode": "the decoder refuses it",
    "constant": "all its pixels are the same",
    "no decoder": "nothing is installed that can decode it, or tell whether it is whole",
    "no film": "it is no single image of whole numbers, and its pixels are not read",
    "too large": "it is too large to be decoded in bounded memory",
}


class Fault(Exception):
    """Why a file isn't ok: one of REASONS, a few words, and the byte where it shows."""

    def __init__(
        self, reason: str, detail: str, offset: int | None = None, *, verdict: str = "damaged"
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.offset = offset
        self.verdict = verdict


@dataclass(frozen=True)
class Verdict:
    """What the test of an image file found.

    `verdict` is one of VERDICTS: untested where the pixels could not be looked at. `reason`, one of
    REASONS, is None where it is ok; `detail` says more in a few words (of an ok file what is odd
    but no damage, or what wasn't looked at), and `offset` at which byte of the file, where that can
    be told: of compressed pixels it is where the piece begins in which the fault shows.
    `format` is png, jpeg or dicom; `color` is gray, gray+alpha, rgb, rgba, cmyk or palette; `width`
    and `height` are in pixels, `bits` are those of a sample; None where the file doesn't say.
    `digest` is that of the file's bytes, XXH3 of 128 bits in hexadecimal, None where they could not
    be read to the end.
    """

    verdict: str
    reason: str | None = None
    detail: str | None = None
    offset: int | None = None
    format: str | None = None
    width: int | None = None
    height: int | None = None
    bits: int | None = None
    color: str | None = None
    digest: str | None = None

    @property
    def told(self) -> str:
        """What was found, such as crc at byte 8,412 (the CRC of IDAT doesn't fit)."""
        place = "" if self.offset is None else f" at byte {self.offset:,}"
        return f"{self.reason or self.verdict}{place}" + (
            f" ({self.detail})" if self.detail else ""
        )
