"""Data on their way in: checks, frames, distinct weighted rows, columns, neighbours."""
