"""Examines the bytes of an image file to the last one, by the rules of its format."""
