"""A unit's own workbook back with its failing cells marked, and all the rest of it as it was.

Belongs here: the patch of the .xlsx package, zip and XML, without a spreadsheet library between, which would drop what
it does not know (pictures, text boxes, ...) and is ten times slower (findings/render.md, section 5). Does not: what is
marked and in which words (reports/feedback/answer.py), where the result is put (reports/feedback/folders.py).
"""
