"""Whether a version deserves production by its metrics, before an alias moves to it and after."""
