"""Other decoders, to judge the test of image files by."""

import io
import os
import warnings

os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")

import cv2
import numpy
from PIL import Image

from cxr_duck.images.formats.examine import examine_image
from cxr_duck.images.formats.verdict import Verdict

__all__ = ["opencv_refuses", "pillow_refuses", "sound", "verdict_on"]


def verdict_on(data: bytes, name: str = "film.png", *, quick: bool = False) -> Verdict:
    """Return this project's verdict on some bytes."""
    return examine_image(io.BytesIO(data), name, quick=quick)


def sound(verdict: Verdict) -> bool:
    """Whether nothing is damaged."""
    return verdict.verdict in ("ok", "suspect")


def pillow_refuses(data: bytes) -> str | None:
    """Return why Pillow doesn't decode some bytes whole, or None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data)) as image:
                image.load()
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return None


def opencv_refuses(data: bytes) -> bool:
    """Whether OpenCV (libpng, libjpeg-turbo) doesn't decode some bytes."""
    if not data:
        return True
    try:
        pixels = cv2.imdecode(numpy.frombuffer(data, numpy.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return True
    return pixels is None
