"""Watchkeeper: an event-driven streaming monitor for AI systems in production."""

__version__ = "0.1.0"
