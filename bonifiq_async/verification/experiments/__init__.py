"""The experiments; each bears one claim or several.

bounded_memory       memory does not grow with the file
clock_steps          a clock that is set while changes are under way
containers           a process killed in one container, run again in another
doubled_answers      an answer that comes twice counts for its own change alone
early_waits          a wait holds while bodies are still to come and others still connect
killed_runs          `bonifiq apply` under faults and kills
one_key              one key many times at once is one change
other_providers      each other provider of the registry, under faults and kills
told_effects         what is reported never denies what happened
used_keys            keys that another program has used before are reported as such
waits_and_deadlines  the wait that a provider asks for, and the deadline of a call
"""
