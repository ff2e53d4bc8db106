"""What the operator sees and is asked.

advice    which setting is probably wrong where nothing has ever succeeded
confirmation  the last question before money moves: what is sent where, and which sum
dialogue  what commands say before and after, the first and the second Ctrl-C, how they end
effects   the words for what became of a change, as phrases that the catalogue translates
progress  progress on standard error: lines in place, or a line every few seconds
progress_text  how far a run is and what holds it up, as text
report    amounts, the plan, the closing table, balances
runs      runs of a ledger, each in a line
screen    the one way to standard output and standard error
tables    tables, and what changes in place; the one module that uses rich
understood  how a file is understood, shown before anything is sent
"""
