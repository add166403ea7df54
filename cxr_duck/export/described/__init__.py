"""The files beside the images of an export: card, Croissant metadata, manifests."""
