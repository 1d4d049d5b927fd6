"""The drivers of the gate: one folder per kind of equipment, the same file names in each."""
