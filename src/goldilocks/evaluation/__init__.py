"""Evaluation: scores with intervals, calibration, slices, errors, and measured speed and memory."""
