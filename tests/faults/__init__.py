"""Faults on a real Apache Kafka, each against an oracle that shares no code with the product.

`load` draws what is sent and writes a manifest of it first; `rig` runs the real commands and does
them harm; `comparison` says how what came out differs from what the input log implies; `crashes`,
`inputs`, `limits` and `live` hold the tests of FAULTS.md, at any scale. `python -m tests.faults`
runs them at full scale, `test_trials.py` a scaled selection, `test_mutations.py` proves that they
would notice.
"""
