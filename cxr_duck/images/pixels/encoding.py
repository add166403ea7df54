"""Encodes pixels as the bytes of an image file."""

from io import BytesIO
from typing import TYPE_CHECKING

from cxr_duck.images.pixels.opencv import opencv

if TYPE_CHECKING:
    from PIL import Image

    from cxr_duck.images.pixels.decoded import Pixels

__all__ = ["FORMATS", "encode"]

FORMATS = ("png", "jpg")
_RUN_LENGTHS = 3  # zlib's strategy that compresses films as well as any, and fastest


def encode(pixels: "Pixels", form: str = "png", quality: int = 90) -> bytes:
    """Return the bytes of an image file, always the same for the same pixels and libraries.

    `form` is png, of 8 or 16 bits, or jpg, of 8 bits and a `quality` of 1 to 100.
    """
    from PIL import Image

    if form not in FORMATS:
        raise ValueError(f"images are written as {' or '.join(FORMATS)}, not as {form!r}")
    if form == "jpg":
        if pixels.dtype.itemsize != 1:
            raise ValueError("a JPEG has 8 bits a pixel: scale the image first")
        return _saved(Image.fromarray(pixels), "JPEG", quality=quality)
    cv2 = opencv()
    if cv2 is None:
        return _saved(Image.fromarray(pixels), "PNG", compress_level=1, compress_type=_RUN_LENGTHS)
    written, data = cv2.imencode(
        ".png", pixels, [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    )
    assert written
    return bytes(data)


def _saved(image: "Image.Image", form: str, **options: int) -> bytes:
    data = BytesIO()
    image.save(data, form, **options)
    return data.getvalue()
