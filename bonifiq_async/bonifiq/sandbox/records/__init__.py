"""What the provider's books hold beside balances, by subject: written down, and decided nowhere here.

challenges  PINs that were sent
orders      orders: their states, what was granted for them, what was refunded
profiles    customers' data
program     what the store offers: rewards, tiers, objectives, its look
redeems     redeems that were made, and their coupons
"""
