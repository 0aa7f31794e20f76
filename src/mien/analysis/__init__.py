"""What finished timelines tell: moments and distributions."""
