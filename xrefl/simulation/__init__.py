"""Unmerged observations with a known truth."""
