"""What is monitored: models in YAML, as frozen specifications."""
