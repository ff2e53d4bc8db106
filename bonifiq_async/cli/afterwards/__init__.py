"""What is asked of a ledger afterwards.

comparison     what a ledger says of one customer against what the provider shows
declared       the commands and their options, declared
digest         what a report says of changes, counted one by one
histogram      how often something happened over time, in at most so many steps
page_parts     what the page of a report is built of: words, times, tables and commands, as HTML
progress_file  how far a comparison is, in a file beside the ledger
question       which changes are asked for, and their runs
reconcile      `bonifiq reconcile`: the ledger against what the provider shows
report         `bonifiq report`: one page of a run or of a period
report_page    a digest as one HTML page
statement      what a provider shows of a customer, and the reader that asks for it
"""
