"""Use of trained models: predictions for new images, and exports. Nothing here trains."""
