"""What tasks share: time, timers, turns of the event loop, and places in a queue.

limiter   the queue in front of the connections, first in, first out
runtime   the clock, the sleep and the random source, which tests replace
timers    many time limits over one timer of the event loop
yielding  long work in slices, so that the event loop has its turns
"""
