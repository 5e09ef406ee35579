"""Structure factors on the scale of data: bulk solvent, falloff, and the coefficients of maps."""
