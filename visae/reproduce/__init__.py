"""Published results, one file a paper: run it here, and put our number beside its number."""
