"""The repositories that can be indexed: one adapter each, with its columns and its SQL."""
