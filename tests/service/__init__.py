"""Real servers, and clients that others wrote."""
