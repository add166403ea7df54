"""Finds, binds and runs the stages of `sql/`, on DuckDB or on Spark."""
