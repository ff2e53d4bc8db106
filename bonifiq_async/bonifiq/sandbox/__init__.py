"""BonifiQ's side of the sandbox. It judges by the contract alone, and shares no decision with the client.

books       the books of record: what really happened
customers   what is known of a customer, and how that stands in an answer
endpoints/  the answer to each request; moves what it moves in the books
envelopes   the envelopes of answers, and the pages of lists
forms/      what a request may say, member by member
judge       whether the provider would take a change of cashback, or the removal of one
provider    the side that the server calls: lets a caller in, and has the endpoints answer
records/    what the books hold beside balances
sandbox     the server that users start
used_keys   keys that were used, and how the provider answers them
webhooks    the webhooks that it posts of its books
"""
