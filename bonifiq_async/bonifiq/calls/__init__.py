"""The operations of the client by group, beside those on customers and checkouts.

caller         makes the calls of all groups: replaced paths, warnings, pages
catalogue      affiliates, products, objectives, tiers, the look of the program
customers      customers beside their balances
fields         what is given of a customer and of an order, by name
kept           what a ledger kept is sent again
orders         orders
point_of_sale  rewards, the PIN challenge and orders at the point of sale
redeeming      redeems that are made, and taken back
reports        reports, and points that expire
rewards        redeems that were made, and rewards as they are set up
"""
