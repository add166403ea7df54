"""From a recipe to a balanced dataset without a patient in two splits, and its record."""
