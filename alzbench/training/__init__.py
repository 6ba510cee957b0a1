"""Feature maps that are computed once, the trainer of heads on them, and the predictor."""
