"""What each command does.

apply     every change of a file once
check     every row is validated; nothing is sent
demo      the main job against a sandbox with faults on
export    what is left of a run: given out as a file, or sent again
one_call  the commands that make one call each
prove     what is promised, tried, claim by claim with figures
run       what a plan asks for is sent, and a true account is given of how it ended
sandbox   the sandbox in the foreground
settle    what a ledger has in doubt is settled, by a person's word or by sending it again
status    what a ledger knows, what it has in doubt, and what the provider shows of that
"""
