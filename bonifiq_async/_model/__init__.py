"""The values that every other package speaks in; none of them does anything.

errors       the exceptions, each with what it means for the money
evidence     what one attempt left behind, and how an answer was read
json_codec/  JSON bytes to attrs values and back, with exact decimals and no silent coercion
money        sums, exact to the last digit
operation    one endpoint of a provider as data, and whether a repeat of it is safe
outcome      what happened to a change, and what each request on its behalf proved
printable    text of others, made fit for a screen, a log line, an error, a cell or a page
redaction    secrets taken out of what a provider says, in whatever form it gives them back
secret       a value that travels to the provider and is shown nowhere else
validation   what is refused before anything is sent, and the checks of settings
values       how frozen values and enums are declared
"""
