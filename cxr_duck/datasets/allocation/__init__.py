"""How many patients of each kind come to each split, and how many units of each class stay."""
