"""MLflow's model registry: resolve, fetch and verify a compiled model; compile and publish one."""
