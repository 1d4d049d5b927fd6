"""crane."""
