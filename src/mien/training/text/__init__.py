"""Training of the text classifier: data, vocabulary, encoder, schedule, calibration, export."""
