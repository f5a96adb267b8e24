"""Rows and forms held against the rules: what fails, where, and the words for it.

Belongs here: the frames that suites are run on (checking, enrich), plain checks of a unit's scans, and the
table of findings (record). Does not: the rules (expectations/), reading files, marts.
"""
