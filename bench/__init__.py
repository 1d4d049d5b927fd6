"""Benchmarks: figures against a peer or a limit, measured in the same run. Never part of the tests."""
