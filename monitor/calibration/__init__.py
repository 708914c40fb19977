"""What chance does to a model's own windows, and what is found beyond it within a budget."""
