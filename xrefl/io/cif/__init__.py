"""The CIF language: documents, tables, and formatting."""
