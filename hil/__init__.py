"""The simulated equipment and the plant behind it."""
