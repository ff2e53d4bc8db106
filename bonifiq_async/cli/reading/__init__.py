"""Spreadsheets, and CSV of any kind: each is understood, shown, and becomes what the plain form is.

amounts       amounts as spreadsheets show them, and what a column proves of its decimal mark
dialect       how a file is understood: the delimiters and marks that are known, and what options say
headers       which column is what
opening       a file is copied, and its form is found
profiles      what options said of a file, kept for the next one
sheets/       spreadsheets: which sheet is read, and its rows
table         a file of whatever form as a table on disk
text_file     CSV: its encoding, its delimiter, its rows
"""
