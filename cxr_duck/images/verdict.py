"""What the test of an image file finds."""

from dataclasses import dataclass

__all__ = ["REASONS", "VERDICTS", "Verdict"]

VERDICTS = ("ok", "suspect", "damaged")

# What can be wrong with a file, the first thing that is found.
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
}


@dataclass(frozen=True)
class Verdict:
    """What the test of an image file found.

    `verdict` is ok, suspect or damaged; `reason`, one of REASONS, is None where it is ok; `detail`
    says more in a few words, and `offset` at which byte of the file, where that can be told.
    `format` is png, jpeg or dicom, `color` gray, gray+alpha, rgb, rgba or palette; `width` and
    `height` are in pixels, `bits` are those of a sample; they are None where the file doesn't say.
    `sha256` is that of the file's bytes, None where they could not be read to the end.
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
    sha256: str | None = None
