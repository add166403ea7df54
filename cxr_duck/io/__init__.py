"""Files and folders, here or at a URL, each written whole or not at all."""
