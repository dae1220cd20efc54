"""The contract over HTTP: one FastAPI application."""
