"""Raba7ni's side of the sandbox. It judges by the contract alone, and shares no decision with the client.

books      the books of record of members and cards
endpoints  reads a request, moves money in the books, and answers
judge      whether the provider would take a request
paths      the endpoints as the pages print them, with the scope that each needs
sandbox    the server that users start
"""
