"""Data that xarray and other programs read: Zarr stores and Parquet files."""
