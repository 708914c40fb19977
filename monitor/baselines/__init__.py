"""Baselines: what a model's data looked like when it was fine, frozen and fingerprinted."""
