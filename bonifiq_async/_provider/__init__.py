"""What every provider is built of, and the one list of the providers.

connection  what the clients of all providers share: settings, session, delivery, claims, account
lazy_names  names of a package that are imported when they are first asked for
paging      the rows of one page after the other, by offset or cursor
registry    which providers there are: each name, and the package that has the provider
spec        what a provider's package says of itself: environment, client, operations, files, sandbox
trial       rows that move money in a provider's sandbox, to try the promises with
"""
