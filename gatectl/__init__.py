"""gatectl: the control stack of a smart border gate."""

__version__ = "0.1.0"
