"""The version of the package, which every store and export names."""

__all__ = ["__version__"]

__version__ = "0.7.0"
