"""The answer to each request, by the families of the documentation's pages.

balances       balances, and the changes of cashback and points
catalogue      affiliates, estimates of points, objectives, tiers, the look of the program
checkout       cashback on a checkout
customers      customers' data, their history and coupons
order_answer   an order as answers have one, and what it gives
orders         orders, also those of the point of sale
point_of_sale  rewards for a purchase, the PIN challenge, redeems
redeeming      what a redeem takes, and what goes back when it is cancelled
reports        reports, and points that expire
rewards        redeems that were made, rewards as they are set up
store          what all endpoints work on: the books, the settings, the used keys
"""
