"""A disk that is full, for a child process: a limit of the size of each file that it writes."""


def file_limit(size: int) -> str:
    """Return what a child runs first, so that no file of its own grows beyond so many bytes.

    It keeps no compiled module: Python (3.11 to 3.13) would cut it at the limit, and keep the part as if it
    were the whole (`_write_atomic` of importlib looks at no count of bytes), for every process that comes
    after.
    """
    return (
        "import resource, sys; sys.dont_write_bytecode = True; "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))"
    )
