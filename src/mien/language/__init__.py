"""What was said: the emotion of texts. Nothing here knows of faces; ``core/labels.py`` holds the words both share."""
