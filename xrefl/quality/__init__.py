"""What intensities tell of the crystal: twinning, anisotropy, absences, ice, tNCS."""
