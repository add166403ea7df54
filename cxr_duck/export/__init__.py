"""Datasets for other tools: one module a form."""
