"""The parts of the HTTP application, each without a server."""
