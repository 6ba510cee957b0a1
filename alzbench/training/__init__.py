"""Feature maps computed once, and the one trainer that trains heads on them."""
