"""Where snapshots go as they are made; a file here is a plug-in (see ``core/plugins.py``)."""
