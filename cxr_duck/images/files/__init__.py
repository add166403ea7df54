"""Image files as they lie: in folders, in zips, listed."""
