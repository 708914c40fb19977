"""The limits of what is registered, and of the identifiers that events carry too."""

#: Bounds of an identifier: it becomes a key, a row of state and a word in a message.
MAX_ID = 128
#: Python's $ stands before a last newline too, which (?!\n) refuses; to JSON Schema it is idle.
ID_PATTERN = r"^[A-Za-z0-9._:/@-]{1,128}$(?!\n)"
MAX_FEATURES = 500
MAX_FEATURE_NAME = 128
MAX_MODELS = 1000
