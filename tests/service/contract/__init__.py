"""The contract over HTTP, one file per group of routes or of rules."""
