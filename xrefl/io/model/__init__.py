"""Atomic models: PDB, mmCIF and small-molecule CIF."""
