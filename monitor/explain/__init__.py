"""What probably happened to a column: named only if it accounts for what has moved."""
