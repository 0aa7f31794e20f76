"""Network architectures, one family per file; a file's name is its name in a recipe."""
