"""Inference without a transport: knows no web framework, model runtime, database or MLflow."""
