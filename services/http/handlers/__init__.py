"""What each route answers: one file per group, handlers of at most ten lines."""
