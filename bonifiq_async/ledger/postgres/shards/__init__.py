"""Shards of a file: each has one worker at a time, which renews its lease and claims under its fence.

lease     what a worker does: it takes a shard, keeps it, ends or leaves it
progress  how far the shards of each file are
"""
