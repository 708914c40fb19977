"""Tests of the demo: its data, its models and the places of its incidents."""
