"""What is learned of the provider's limit, and whether a request may leave now.

All but the turns is pure: time is an argument.

adaptive_limit  the two ceilings, requests in flight and a second: signs (429, latency), fall, rise (CUBIC)
admission       whether a request may leave now: hold, limit in flight, pace
failure_rate    whether failures come from load (likelihood ratio), and how far a ceiling falls for them
inference/      what the answers say of the limit: its kind, the cause of refusals, the pace that follows
moments         the moments that one worker was given of a pace which it shares with others
pacer           a moment of its own for each request, at a pace (GCRA)
shared          what all calls of one client know of the limit, and whose turn it is
single_calls    the turns of calls that are no part of a batch
"""
