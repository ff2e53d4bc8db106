"""One attempt on the wire, and the evidence of it. Only here is aiohttp's client used.

aiohttp_parts   whether the parts of aiohttp that the fast path uses are there, and are aiohttp's own
connector       `PoolLimits`, the pool of connections and its DNS cache; answers that no request asked for
failure_causes  why a request got no whole answer: texts for TLS, DNS and connection errors
fast_path       one request and its answer, straight over a pooled connection
proxies         the proxy variables of the environment that count
public_path     one request and its answer, by the public way of aiohttp's session
session         `Timeouts`, and the session manager: it sends one attempt by either path
sign_in         headers that are made afresh for each attempt: renewed tokens, fresh signatures
write_guard     the last check before the wire on the public path: a write leaves once, and not in a hold
"""
