"""What each command does.

apply     every change of a file once, and a true account of how it ended
demo      the main job against a sandbox with faults on
export    what is left of a run: given out as a file, or sent again
in_doubt  what a ledger has in doubt, one by one, and what the provider shows of it
one_call  the commands that make one call each
prove     what is promised, tried, claim by claim with figures
sandbox   the sandbox in the foreground
status    the commands that read a ledger, and those that settle what it has in doubt
"""
