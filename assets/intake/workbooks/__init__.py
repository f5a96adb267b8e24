"""Workbooks: from the bytes of an .xlsx, .xls or .csv file to sheets of cells, or the reason why not."""
