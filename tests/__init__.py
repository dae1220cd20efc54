"""Trivet's tests, by tier."""
