"""Trivet: one model, three serving engines, one contract."""

__version__ = "0.1.0"
