"""What is wrong with a given split, recorded here or brought from elsewhere."""
