"""Hierarchies of radiological terms: loaded, checked, kept in a store, looked up."""
