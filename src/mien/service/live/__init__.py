"""Sessions while they run: snapshots come in, are stored, and are told to whoever follows."""
