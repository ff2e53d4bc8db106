"""What is asked of a ledger afterwards.

digest     what a report says of changes, counted one by one
histogram  how often something happened over time, in at most so many steps
question   which changes are asked for, and their runs
"""
