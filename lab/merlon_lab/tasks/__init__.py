"""The task: a loss for a batch, and a measurement on held-out data."""
