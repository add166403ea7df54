"""The hierarchy that is meant where none is named; it loads nothing, for the command line."""

__all__ = ["DEFAULT_HIERARCHY"]

DEFAULT_HIERARCHY = "padchest"
