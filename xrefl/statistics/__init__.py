"""Statistics of reflections: shells of resolution, means, agreement of columns."""
