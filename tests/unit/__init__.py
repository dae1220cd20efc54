"""Core, HTTP's parts, runtimes, registry and prediction log, each alone; under 20 s."""
