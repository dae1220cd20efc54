"""Inference without a transport."""
