"""Models for other runtimes: converted, run there, compared with their source, and only then written."""
