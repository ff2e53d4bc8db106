"""What tasks share: the clock, timers, the event loop, and permits to send.

limiter   the queue in front of the connections, first in, first out
runtime   the clock, the sleep and the random source, which tests replace
timers    many time limits over one timer of the event loop
yielding  long work in slices, so that the event loop has its turns
"""
