"""Keeps the libraries that read images quiet: what they say of a file, its verdict says."""

import functools
import logging
import warnings

__all__ = ["silence_libraries"]


@functools.cache
def silence_libraries() -> None:
    """Let no warning of pydicom, its decoders or Pillow reach the terminal."""
    for module in ("pydicom", "PIL"):
        warnings.filterwarnings("ignore", module=module)
    for name in ("pydicom", "pylibjpeg", "openjpeg", "libjpeg"):
        logging.getLogger(name).addHandler(logging.NullHandler())
