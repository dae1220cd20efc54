"""docs/models.md: every scikit-learn estimator, compiled as `trivet publish` does it."""
