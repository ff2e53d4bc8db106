"""Files of changes in the plain form, and the outcome file.

examine       the first reading of a file: every row is checked before anything is sent
misspelt      names that mean nothing here, shown with the name that may be meant
outcome_file  the file of `--out`: what a line has of an outcome; appended, never overwritten
rows          CSV or JSON lines, read row by row (the columns are those of each provider's `files`)
scratch       files for what is read once and kept for as long as the command runs
spoilt        cells that a spreadsheet has spoilt
unfit         what is wrong with a file, or with a row as a whole, in words
"""
