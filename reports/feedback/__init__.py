"""What a unit gets back: its page, its own workbooks with the failing cells marked, lists of findings.

Belongs here: grouping findings for a reader, the page, the folders, marking. Does not: mailing it (reports/notices/).
"""
