"""Recipes: what a user requests of a dataset, checked, and resolved against a store.

The parser of queries is imported where a class is a query: lark takes a while to load.
"""
