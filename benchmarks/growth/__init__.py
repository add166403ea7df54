"""What growth costs: both engines at 1, 10 and 100 times PadChest."""
