"""Does it hold? Load from the outside, through the wire and public HTTP; only what is stored is looked up there."""
