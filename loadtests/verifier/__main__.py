"""``python -m loadtests.verifier``."""

from loadtests.verifier.command import main

main()
