"""What type checkers accept and reject: one file for each public object of the core."""
