"""Adapters that execute a model: one file each, imported on first use."""
