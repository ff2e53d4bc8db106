"""Files of changes in the plain form, and the outcome file.

csv_form       how an outcome file in CSV is written: its first bytes, delimiter and decimal mark
examine        the first reading of a file: every row is checked before anything is sent
formulas       texts that a spreadsheet would take for formulas, made harmless in CSV and read back
misspelt       names that mean nothing here, shown with the name that may be meant
outcome_file   the file of `--out`: what a line has of an outcome; a run that goes on appends
outcome_sheet  changes as a spreadsheet; outcomes when a run ends, of the JSON lines beside it
private_files  files that no other user can open, and whose place they may take: all that a command writes
rows           CSV or JSON lines, read row by row (the columns are those of each provider's `files`)
spoilt         cells that a spreadsheet has spoilt: error values (#DIV/0!), 1E+15, lost zeros
unfit          what is wrong with a file, or with a row as a whole, in words
written_lines  what stands in an outcome file: the line that counts for each change
"""
