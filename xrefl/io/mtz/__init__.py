"""MTZ files."""
