"""Mien measures how an audience reacts to what it watches, and keeps no face."""

__version__ = "0.1.0"
