"""Unmerged observations merged, and the statistics of merging."""
