"""Read the examples, ask the checkers, compare the two."""
