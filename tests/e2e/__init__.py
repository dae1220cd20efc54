"""Images, charts and operators on a real cluster."""
