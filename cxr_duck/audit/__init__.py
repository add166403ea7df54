"""What is wrong with a split, recorded here or brought as a CSV file."""
