"""What a caller means to change under a key, beside cashback: points, redeems, and parts of orders.

keys      the keys that are derived from what such a change is for
kept      a change of which a ledger kept the request
points    a change of points
redeems   redeems at the checkout and at the point of sale
refunds   a part of an order that is taken back
taken_back  the redeems that a client took back itself, whose keys take nothing a second time
"""
