"""The one evaluator: a predictions table, scores computed from it, and figures."""
