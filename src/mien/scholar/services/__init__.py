"""Catalogues of scholarly works, one a file: each has ``create(address, key)``."""
