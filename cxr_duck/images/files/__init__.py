"""Image files in folders and zips: listed, and opened by their paths."""
