"""Watchkeeper on Kafka: Faust, topics, the embedded broker; all that imports Faust is here."""
