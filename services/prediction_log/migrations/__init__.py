"""The schema's history, kept by Alembic; shipped in the wheel."""
