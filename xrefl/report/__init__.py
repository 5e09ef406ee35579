"""A report on a data set, and on a model beside it, as one HTML page or JSON."""
