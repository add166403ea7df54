"""Datasets: from a recipe to balanced classes and splits that share no patient, and the record."""
