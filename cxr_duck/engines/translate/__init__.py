"""DuckDB SQL translated to Spark SQL, and what the two would answer differently."""
