"""Recipes: what a user requests of a dataset, checked, and resolved against a store."""
