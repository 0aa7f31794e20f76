"""How good a model is: accuracy, calibration and agreement, without torch."""
