"""Charts in Plotly."""
