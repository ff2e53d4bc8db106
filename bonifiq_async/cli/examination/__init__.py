"""What is said of the rows of a file before anything is sent.

groups   problems grouped by kind, and the whole list as a file
kinds    the kinds of problems, as a table: what is wrong, and what to do
repeats  rows that repeat an earlier one, by that
"""
