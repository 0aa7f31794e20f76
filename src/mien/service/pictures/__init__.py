"""Pictures and clips that strangers send are read in confined processes, one of its own for each."""
