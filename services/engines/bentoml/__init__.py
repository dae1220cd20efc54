"""The application on BentoML."""
