"""What checkers accept and reject of each integration: a file for each."""
