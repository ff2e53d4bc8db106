"""What is asked of a ledger afterwards.

digest       what a report says of changes, counted one by one
histogram    how often something happened over time, in at most so many steps
page_parts   what a page is built of: words, times, tables and commands, as HTML
question     which changes are asked for, and their runs
report       `bonifiq report`: one page of a run or of a period
report_page  a digest as one HTML page
"""
