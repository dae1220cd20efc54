"""What can be measured; each module has one `run(options)` that returns a Report."""
