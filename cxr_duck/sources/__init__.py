"""The repositories that can be indexed, one adapter each, and a made-up one to try."""
