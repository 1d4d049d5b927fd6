"""`python -m gatectl.cli`."""

from gatectl.cli import main

main()
