"""For the tests of programs that use this library.

pytest_plugin  fixtures over the sandboxes, waits that pass at once, a report when a test fails
virtual_time   a clock whose waits pass at once, in the order in which they would have ended
"""
