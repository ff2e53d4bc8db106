"""BonifiQ's side of the sandbox. It judges by the contract alone, and shares no decision with the client.

books      the books of record: what really happened
customers  what is known of a customer, and how that stands in an answer
endpoints  the answer to each request, a used key's included; moves money in the books
judge      whether the provider would take a request
sandbox    the server that users start
webhooks   the webhooks that it posts of its books
"""
