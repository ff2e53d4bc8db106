"""One attempt on the wire, and the evidence of it. Only here is aiohttp's client used.

aiohttp_parts   whether the parts of aiohttp that the fast path uses are there, and are aiohttp's own
connector       the pool of connections with its limits, and what comes on one that no request asked for
failure_causes  why a request got no whole answer, in plain words
fast_path       one request and its answer, straight over a pooled connection
proxies         the proxy that the environment names
public_path     one request and its answer, by the public way of aiohttp's session
session         the session manager: it sends one attempt by either path and returns the evidence
sign_in         headers that are made afresh for each attempt: renewed tokens, fresh signatures
write_guard     the last check before the wire on the public path: a write leaves once, and not in a hold
"""
