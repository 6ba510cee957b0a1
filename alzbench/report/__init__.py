"""Documents of comparisons, runs and audits, and the renderers that write them."""
