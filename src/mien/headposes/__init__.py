"""Head pose estimators, one per file; a file's name is its backend's name (see ``core/plugins.py``)."""
