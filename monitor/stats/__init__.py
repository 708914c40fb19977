"""Statistics over counts: arrays in, numbers out; an undefined result is None."""
