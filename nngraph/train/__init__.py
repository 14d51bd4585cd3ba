"""Training: the loop, its history, checkpoints and run directories; and the data."""
