"""What type checkers accept and reject of each public signature."""
