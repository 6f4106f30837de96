"""What a run takes, counted from sizes alone: work, memory, traffic and time."""
