"""The loop, loss, optimiser, schedule and run checkpoints."""
