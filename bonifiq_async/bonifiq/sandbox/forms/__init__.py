"""What a request may say: its members and parameters by the pages, read without any code of the client.

asked   what a request asks for: its members by name and type, and the pages of a list
bodies  the members of each body, as the contract lists them
kinds   the kinds of members: whether a JSON value is of one
"""
