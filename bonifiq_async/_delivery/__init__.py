"""One call from request to result.

attempt        one attempt: whether it may leave now, and how long its answer asks to wait
calls          a call: its claim, its delivery, its outcome
claim          the life of a claim: its lease and how long that lasts, then an outcome, or none
conflict       the error of a key that stands for another change, and in what the two differ
course         the course of one call: what is fixed, and how far it is
delivery       one request delivered, in attempts that are safe and allowed: the loop that sleeps; request ids
in_doubt       what one client has in doubt, whichever ledger is asked
single_flight  one key is one change: calls under one key join one flight
terms          on what terms a change is made, and what a batch needs of a client
"""
