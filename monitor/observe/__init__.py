"""Observe, where the data is: bytes become columns, columns panes; nothing is dropped silently."""
