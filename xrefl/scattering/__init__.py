"""How atoms scatter: arrays in, arrays out, without xarray."""
