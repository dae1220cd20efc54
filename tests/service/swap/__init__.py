"""Aliases that move while servers serve."""
