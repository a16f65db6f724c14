"""What `make` runs beside the checks: the site's builder, and scripts."""
