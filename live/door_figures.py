"""Who came to a gateway, and how the gateway ended what it ended."""

from prometheus_client import CollectorRegistry, Counter

from live.close_codes import CloseCode


class DoorFigures:
    """Counters of one gateway process; none is touched per message.

    Attributes:
        joined: viewers let in.
        turned_away: viewers told to come back.
        cut_off: connections past all measure.
        closes: by close code, as ``code``; every code is there from the beginning.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.joined = Counter("showdrop_gateway_joins_total", "Viewers let in by the handshake", registry=registry)
        self.turned_away = Counter(
            "showdrop_gateway_turned_away_total", "Viewers answered 503 before the upgrade", registry=registry
        )
        self.cut_off = Counter(
            "showdrop_gateway_cut_off_total", "Connections past all measure, cut unheard", registry=registry
        )
        self.closes = Counter(
            "showdrop_gateway_closes_total",
            "Connections that the gateway ended, by close code; 4001 was cut for slow reading",
            ["code"],
            registry=registry,
        )
        for code in CloseCode:
            self.closes.labels(code=str(code.value))
