"""Transcribers, one a file: its name is the plug-in's. Each has ``create(TranscriberOptions) -> Transcriber``."""
