"""Clients that others wrote, unchanged, each in a locked environment of its own."""
