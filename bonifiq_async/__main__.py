"""`python -m bonifiq_async` is the console command `bonifiq`."""

from bonifiq_async.cli import main

if __name__ == "__main__":
    main()
