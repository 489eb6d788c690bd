"""One file per format: read(path) gives sequences or a data set, write gives it back."""
