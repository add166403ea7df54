"""Pages about cxr-duck for those who work on it, and the scripts that draw their pictures."""
