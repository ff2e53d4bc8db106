"""What the answers say of the limit that a provider has. Pure: time is an argument.

cause        whether refusals come from what is sent, or from chance (sequential likelihood ratio)
ceiling      a number that falls on a sign and is probed upwards again (CUBIC)
contention   a limit that others use, too (AIMD, H-TCP)
even         a rate without burst, whose refusals may be accidents (stochastic approximation)
kind         which rate limit explains when requests were refused: a rate, a burst, a window (fits of models)
rate_search  the pace: what follows from each refusal, and when it is worth looking for more
refusals     refusals that belong together, and what became of the requests beside them
said         what is left of a limit, as the provider says, less what was sent since
trace        when the requests left that were taken
"""
