"""Logged requests, answered again by another version."""
