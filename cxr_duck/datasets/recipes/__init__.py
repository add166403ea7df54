"""What a user asks of a dataset, checked, and resolved against a store."""
