"""CCP4 and MRC maps."""
