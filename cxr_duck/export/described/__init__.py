"""What lies beside the images of an export: card, Croissant, description, manifest."""
