"""From a label file to images, postings and rejects; look-ups in them; removal from them."""
