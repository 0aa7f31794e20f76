"""The workshop that makes Mien's classifiers. Needs the extra ``[train]`` (torch); the product never imports it."""
