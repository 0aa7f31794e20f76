"""Speed, scale and accuracy, measured: each module prints figures, with ``--json`` as data.

Weights are taken from the folder of shared data beside the checkout where there is one and nothing else is asked for.
"""

import os
from pathlib import Path

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "models"
if _BESIDE.is_dir():
    os.environ.setdefault("MIEN_MODELS", str(_BESIDE))
