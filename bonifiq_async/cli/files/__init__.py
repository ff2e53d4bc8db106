"""Files of changes, and files of outcomes.

examine       the first reading of a file: every row is checked before anything is sent
misspelt      names that mean nothing here, shown with the name that may be meant
outcome_file  one line an outcome, appended and never overwritten
rows          CSV with a header or JSON lines, read row by row, and how columns may be spelt
spoilt        cells that a spreadsheet has spoilt
"""
