"""What the stream must say of an input log, computed without a line of the stream's own code.

Only the standard library, numpy and scipy. From `monitor/` it takes one thing, as data: the edges
of the bins that a baseline's file names. Counts, statistics, windows, accounting and actions are
its own: `intake` reads the log, `figures` compares columns, `windows` judges, `actions` responds.
"""
