"""The forms of the report: HTML, DOCX, PDF, XLSX, and their charts, fonts and worker processes.

Belongs here: drawing a reports.model.Report. Does not: what it says (reports/report/).
"""
