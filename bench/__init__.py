"""The benchmark: Trivet beside other servers on one machine, and what batching, start and overload cost."""
