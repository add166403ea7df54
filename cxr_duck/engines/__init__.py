"""What finds, binds and runs the stages of `sql/`: DuckDB or Spark, and the way between them."""
