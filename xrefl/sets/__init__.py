"""Many merged data sets side by side: aligned, compared, and indexed alike."""
