"""Translates DuckDB SQL to Spark SQL, and finds what the two would answer differently."""
