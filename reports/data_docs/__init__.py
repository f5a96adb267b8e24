"""Data Docs: what Great Expectations found of each month, as pages.

Belongs here: a month's checkpoint, its results, and these drawn in the report's look. Does not: asking the rules of
rows (assets/month/findings/), validating (expectations/), the report of a month (reports/report/).
"""
