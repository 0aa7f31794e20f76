"""Text classifiers, one backend per file; a file's name is its backend's name (see ``core/plugins.py``).

A backend has ``create(model, inference, settings)``, where ``model`` is what the user named.
"""
