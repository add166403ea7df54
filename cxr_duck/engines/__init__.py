"""Finds, binds and runs the stages of `sql/`, on DuckDB or on Spark.

Modules for Spark are imported when somebody asks for Spark, which is optional.
"""
