"""Spreadsheets, and CSV of any kind: each is understood, shown, and becomes what the plain form is.

amounts       amounts as spreadsheets show them, and what a column proves of its decimal mark
cells         the value of a cell of a spreadsheet as text, whatever kind of file it stands in
dialect       how a file is understood: the delimiters and marks that are known, and what options say
headers       which column is what
office_parts  XML in the archive of an .xlsx file, read piece by piece
opening       a file is copied, its form is found, and which sheet is read
profiles      what options said of a file, kept for the next one
table         a file of whatever form as a table on disk
text_file     CSV: its encoding, its delimiter, its rows
xls_ods       .xls and .ods, read in a process of its own
xlsx          .xlsx, row by row
"""
