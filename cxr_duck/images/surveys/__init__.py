"""Scans every image file of a store and publishes the results: checks, fingerprints, twins."""
