"""From a mailbox or a folder to rows: mails archived, taken apart, their forms recognised and every cell read.

Belongs here: mail, workbooks, scans, forms, values and the staging tables. Does not: whose a form is and whether it
stands (assets/month/), what is wrong with a row (assets/month/findings/).
"""
