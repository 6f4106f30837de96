"""Tasks, metrics, controls and reports."""
