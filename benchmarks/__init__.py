"""Speed, scale and accuracy, measured: each module prints figures, with ``--json`` as data."""
