"""What does everyone see? Shows, offers, the show log, the gateway, the HTTP API, pages and the command line."""
