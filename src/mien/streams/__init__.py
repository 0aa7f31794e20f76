"""Publish, consume, acknowledge, reclaim; live events; presence."""
