"""Evaluate, where the model is: panes merge over partitions, windows close, detectors judge."""
