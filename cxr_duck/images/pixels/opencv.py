"""OpenCV, where it is installed: it decodes and shrinks films faster than Pillow does."""

from functools import cache
from types import ModuleType

__all__ = ["opencv"]


@cache
def opencv() -> ModuleType | None:
    """Return the module cv2 of the extra `fast`, or None."""
    try:
        import cv2
    except ImportError:
        return None
    return cv2  # type: ignore[no-any-return,unused-ignore]
