"""Spark as an engine: its session, its scratch folder, the files that its workers write."""
