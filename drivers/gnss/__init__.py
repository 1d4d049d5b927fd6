"""gnss."""
