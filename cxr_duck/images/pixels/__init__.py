"""The pixels of an image: decoded, scaled, made smaller, encoded."""
