"""Benchmarks: `make bench` prints each figure beside a floor measured in the same run.

Touches: nothing.
"""
