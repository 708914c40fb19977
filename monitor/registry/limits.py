"""The limits of what is registered, and of the identifiers that events carry too."""

#: Bounds of an identifier: it becomes a key, a row of state and a word in a message.
MAX_ID = 128
ID_PATTERN = r"^[A-Za-z0-9._:/@-]{1,128}$"
MAX_FEATURES = 500
MAX_FEATURE_NAME = 128
MAX_MODELS = 500
