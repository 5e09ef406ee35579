"""Files of reflections: reading, writing, and xarray's way into the readers."""
