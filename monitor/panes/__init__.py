"""What observe hands to evaluate: counts of a stretch of event time, and how far time has come."""
