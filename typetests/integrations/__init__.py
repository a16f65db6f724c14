"""What type checkers accept and reject: one file for each integration."""
