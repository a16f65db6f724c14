"""The built site, as its readers get it."""
