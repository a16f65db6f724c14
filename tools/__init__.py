"""What `make` runs: checks, scripts, and what the site is built with."""
