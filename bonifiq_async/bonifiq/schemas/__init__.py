"""What is sent to BonifiQ and what it answers, beyond balances: a class for each schema, under its name.

Attributes are the snake_case of the wire names; amounts are in BRL and exact, points are whole numbers.
An answer may leave out any field. Which of them may be null is marked; where the page did not show that,
every one may be.

cancels         completing and cancelling an order, whole or in part
catalogue       affiliates, estimates of points, objectives, tiers, the look of the program
checks          what is refused of a request before anything is sent
configurations  rewards as they are set up in the admin panel
customers       customers, their history and their coupons
orders          orders
pages           what every page of a list says, and answers that are no more than a yes
parts           numbers that have names, and small values that several schemas share
point_of_sale   available rewards and the PIN challenge
redeems         redeems at the checkout, at the point of sale and by a reward
reports         reports, and points that expire
"""
