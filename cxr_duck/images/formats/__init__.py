"""The bytes of an image file, examined to the last one by the rules of its format."""
