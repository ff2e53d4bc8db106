"""The pure decisions: functions over frozen values, without a clock, a socket or a task.

answer_body  a body as JSON or text, and the words of an error that has no documented shape
budget       the deadline, the wait that all calls share, and the quota of repeats
change_key   the idempotency key of a change, derived from what the change is about
failures     the error of a call that did not succeed: its class, and its text (refused, unknown, ...)
history      what one call has done so far, and how it ended
rate_limit/  what the head of an answer says of limits: `RateLimit`, `X-RateLimit-*` and their variants
request      URL, headers and bytes of a request, fixed once before the first attempt
retry        `RetryPolicy` (attempts, backoff, the longest wait honoured); the decision: again, or stop
retry_after  the headers that ask for a wait, and for how long: Retry-After and its variants (RFC 9110)
statement    what a body states, and what that adds to what `verdict` says of the status: the tables
verdict      what an attempt proves without its body: by its status or failure (429, 5xx, lost, not sent)
wait_scope   whether a wait is asked of all calls of a client, or of one request alone
"""
