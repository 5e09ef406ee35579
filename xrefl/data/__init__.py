"""Example data that ship with xrefl; see README.md beside them for their origin."""
