"""What a load test says when it cannot go on."""


class LoadError(Exception):
    """The load test cannot go on; the message is one line with the remedy."""
