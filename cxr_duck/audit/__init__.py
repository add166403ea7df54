"""Audits of a split, recorded here or brought as a CSV file: what breaks its rules."""
