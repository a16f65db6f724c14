"""What checkers accept and reject of the core: a file for each public object."""
