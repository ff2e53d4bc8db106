"""What is said of the rows of a file before anything is sent.

against_ledger  what a ledger knows of rows: what is applied, with which words, under another amount
groups          problems grouped by kind, and the whole list as a file
kinds           the kinds of problems, as a table: what is wrong, and what to do
look_alikes     ids that are probably one customer
marks           what becomes of each line of a file
repeats         rows that repeat an earlier one, by that
"""
