"""What the head of an answer says of the provider's limits.

allowance  `Allowance`: how many requests, and until when; the headers that say it, and what is believed
fields     the parts of such headers: lists with parameters, numbers, and moments in their common forms
"""

from bonifiq_async._policy.rate_limit.allowance import Allowance, allowances

__all__ = ["Allowance", "allowances"]
