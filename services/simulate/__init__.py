"""Replays a load through the rules of the autoscaler that a chart renders, without a cluster."""
