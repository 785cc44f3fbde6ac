"""Compiled sums on the CPU."""
