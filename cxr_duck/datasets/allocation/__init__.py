"""Decides how many patients of each signature go to each split, and which units of a class stay."""
