"""The conformance suite: what a server of the Open Inference Protocol V2 must do, clause by clause, seen from outside.

It shares no code with the servers that it looks at: an error in how Trivet encodes a tensor must not hide itself here.
"""
