"""Image sets: sources, a checked manifest, decoded pixels, subjects and splits."""
