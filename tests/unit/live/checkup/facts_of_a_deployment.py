"""Facts of a deployment that is as it should be; a test changes one of them."""

from live.checkup.facts import Fleet, MachineFacts, PostgresFacts, RedisFacts, SecretFacts

REDIS = RedisFacts(
    name="Redis",
    version="7.2.4",
    role="master",
    replicas=1,
    in_cluster=False,
    asked_as_cluster=False,
    loading=False,
    append_only=True,
    appendfsync="everysec",
    last_write_ok=True,
    eviction="noeviction",
    used_bytes=10_000_000,
    maxmemory_bytes=1_000_000_000,
    embedded=False,
    latency_ms=0.2,
    ahead_ms=3.0,
)
KNOWN = frozenset({"inventory-0001", "live-0001"})
POSTGRES = PostgresFacts(
    version="18.1",
    major=18,
    is_standby=False,
    settings={
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "default_transaction_read_only": "off",
    },
    max_connections=200,
    reserved=3,
    others=0,
    applied=KNOWN,
    latency_ms=0.4,
    ahead_ms=-2.0,
)
ONE_EACH = Fleet()
EACH_NEEDS = Fleet(api=12, gateways=8, workers=18)
SECRET = SecretFacts(source="environment", length=64, distinct=40)
MACHINE = MachineFacts(open_files=65_536, data_dir="/srv/showdrop", free_bytes=50 * 1024**3, writable=True)
