"""What can be seen of a run while it goes on: figures of each step, where they are sent, and judging on the way."""
