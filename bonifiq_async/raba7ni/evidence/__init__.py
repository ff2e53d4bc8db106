"""What Raba7ni shows of a balance, for the command line (an edge).

history  a member's history: for a change in doubt, and to compare a ledger with
"""
