"""Evaluate, where the model is: panes are merged over partitions, windows close, detectors judge."""
