"""bgtasks beside its peers: `make bench` measures, and writes what the docs show."""
