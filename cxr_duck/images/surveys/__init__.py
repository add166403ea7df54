"""Something found in every image file of a store and published: checks, fingerprints, twins."""
