"""How answers are read that are neither a balance nor a removal: each shape by a function of its own.

cancels   cancellations, which may be refused within a success
orders    orders, which have to be those that were asked for
pages     pages of lists and estimates, and which page comes next
plain     arrays, answers of a shape that was never seen, and those with a secret
redeems   redeems, which have to name what they made
refresh   what a refresh says of the cashback on a checkout
"""
