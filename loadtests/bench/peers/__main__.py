"""``python -m loadtests.bench.peers``."""

from loadtests.bench.peers.command import main

if __name__ == "__main__":
    main()
