"""What a study's sessions say together: parts of them, and versions against each other."""
