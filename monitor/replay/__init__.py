"""A configuration against the past: the same stages as the stream's, in one process, no Kafka."""
