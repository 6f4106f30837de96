"""Making whole model folders: composed of two published backbones, or exported for other programs."""
