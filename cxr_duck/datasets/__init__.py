"""Datasets: from a recipe to balanced classes and splits that share no patient, and the record.

PyTorch, which is optional, is imported when a split is opened with it.
"""
