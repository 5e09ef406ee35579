"""Tabulated facts as data files; README.md beside them says where they come from."""
