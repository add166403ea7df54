"""Image files: which are there."""
