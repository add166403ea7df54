"""Writes recorded datasets for other tools: folders, tar shards, Parquet files, manifests."""
