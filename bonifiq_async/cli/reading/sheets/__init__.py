"""Spreadsheets: which sheet is read, and its rows.

cells         what a cell of a spreadsheet is, whatever kind of file it stands in
choice        which sheet is read, and what a person should know of the others
office_parts  XML in the archive of a file, read piece by piece
ods           .ods, row by row
xls           .xls, read in a process of its own
xlsx          .xlsx, row by row
"""
