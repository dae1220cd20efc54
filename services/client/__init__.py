"""What a client of the Open Inference Protocol V2 knows; shares no code with the servers.

The conformance suite and the load generator stand on it.
"""
