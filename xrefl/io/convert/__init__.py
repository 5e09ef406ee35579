"""MTZ files from CIF files, and CIF files from MTZ files."""
