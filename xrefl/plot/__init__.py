"""Pictures of maps and reflections, with Matplotlib, which loads when one is drawn."""
