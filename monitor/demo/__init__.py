"""The demo: a year of real flights, a small model, and three incidents announced beforehand."""
