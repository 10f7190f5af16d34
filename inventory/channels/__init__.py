"""The places that also sell this stock, each told the level it should show."""
