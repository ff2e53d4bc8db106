"""The commands of the command line that are BonifiQ's alone (an edge).

call        makes one call with the client of the environment
labels      what a table calls the members of an answer
lists       what is listed page by page: a history, and the provider's reports
portuguese  what these commands and BonifiQ's files say, in Portuguese
shown       how an answer is printed: as a table, or as JSON
single      one answer: a balance, a customer, an order
table       the table of all operations
"""
