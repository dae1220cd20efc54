"""An open-loop load generator for HTTP servers; shares no code with those of this repository, see ADR 9."""
