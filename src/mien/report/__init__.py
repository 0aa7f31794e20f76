"""What a finished run is told as: JSON, tables, one HTML page, and an annotated video of one's own footage."""
