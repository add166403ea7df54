"""The folder of Parquet files and the catalog over them: published, read, verified, compacted."""
