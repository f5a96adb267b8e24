"""Versions of the report: what is made when, its data files, manifest and what a supplement changed.

Belongs here: folders that appear whole, tables as CSV and Parquet, verifying. Does not: the content (reports/report/).
"""
