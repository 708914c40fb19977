"""Tables in files: CSV, JSON lines and Parquet as columns, and what two of them say."""
