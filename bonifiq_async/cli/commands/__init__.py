"""What each command does.

apply     every change of a file once
check     every row is validated; nothing is sent
convert   a file of whatever form becomes one of the plain form
demo      the main job against a sandbox with faults on
export    the changes of a ledger by effect, as a file that can be applied again
history   every change of a ledger: its times, answer, run, file and line
prove     the promises, tried claim by claim, with figures
run       a file's changes are sent (attempts, deadline), and how the run ended is reported
sandbox   the sandbox in the foreground
settle    what a ledger has in doubt is settled, by the operator's word or by sending it again
status    what a ledger knows, what it has in doubt, and what the provider shows of that
"""
