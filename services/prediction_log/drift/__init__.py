"""Whether logged requests are still like the reference of their model, and whether its answers came true."""
