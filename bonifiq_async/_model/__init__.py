"""The values that every other package uses; none of them does input or output.

errors       the exception classes, each with its effect on the money; their texts are in `_policy/failures`
evidence     what one attempt left behind, and how an answer was read
json_codec/  JSON bytes to attrs values and back, with exact decimals and no silent coercion
money        amounts: how they are written, and sums exact to the last digit
operation    one endpoint of a provider as data, and whether a repeat of it is safe
outcome      what happened to a change, and what each request on its behalf proved
printable    foreign text, escaped for a screen, a log line, an error, a cell or a page
redaction    secrets taken out of what a provider answers, in every form in which it may repeat them
secret       a credential: sent to the provider, and shown nowhere else
validation   the checks before anything is sent: amounts, keys, texts, ids, settings, callbacks
values       how frozen values and enums are declared
"""
