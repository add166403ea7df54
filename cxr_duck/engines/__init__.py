"""What runs the stages: one module an engine."""
