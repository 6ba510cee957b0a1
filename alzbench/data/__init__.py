"""From a source of images to a checked manifest, decoded pixels, and a split."""
