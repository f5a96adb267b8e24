"""The stages, one a room: mail, workbooks, scans, forms, submissions, findings, marts, publishing.

Belongs here: plain functions that do the work of a stage and can be called without Dagster, and in the `assets.py` of
each stage the thin Dagster assets around them. Does not: how it is run (pipelines/), what leaves the house (reports/).
"""
