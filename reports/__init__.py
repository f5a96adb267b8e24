"""How it looks: the report's content described once, and the renderers of its four forms.

Belongs here: sections and their queries, sentences, charts, HTML, DOCX, PDF, XLSX. Does not: mails and workbooks;
the report knows tables of the warehouse alone. Which version of a report is made is said by
reports/publishing/publish.py.
"""
