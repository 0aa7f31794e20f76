"""Writers, one a file: its name is the plug-in's. Each has ``create(WriterOptions) -> Writer``."""
