"""Image files: found, examined byte by byte, decoded, scanned for a whole store."""
