"""Image files: found, examined byte by byte, decoded, surveyed for a whole store."""
