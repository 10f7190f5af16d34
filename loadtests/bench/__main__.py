"""``python -m loadtests.bench``."""

from loadtests.bench.command import main

if __name__ == "__main__":
    main()
