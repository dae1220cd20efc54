"""The SQL table of answered and refused requests."""
