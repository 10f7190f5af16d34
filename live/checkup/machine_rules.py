"""What the settings and this machine have to be like for a show. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address

from kit.settings import SECRET_MIN_CHARACTERS, Settings
from live.checkup.facts import CollectorFacts, DoorFacts, MachineFacts, SecretFacts
from live.checkup.limits import DISK_FAIL_BYTES, DISK_WARN_BYTES, NAMES_SHOWN, SECRET_LEAST_DISTINCT
from live.checkup.verdict import Verdict, fine, graded, in_bytes, named


def is_local(host: str) -> bool:
    """Tell whether only this machine can reach what listens there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def judge_environment(wrong: Sequence[str], unknown: Mapping[str, str | None]) -> Iterator[Verdict]:
    """Judge what the environment says.

    Args:
        wrong: messages about values that cannot be.
        unknown: variables that nothing reads, each with the one that may be meant.
    """
    for message in wrong:
        yield Verdict(
            check="settings", state="fail", found=message, remedy="Correct this variable; showdrop --help lists all."
        )
    if unknown:
        names = [name if meant is None else f"{name} (is {meant} meant?)" for name, meant in sorted(unknown.items())]
        yield Verdict(
            check="settings",
            state="warn",
            found=f"nothing reads {named(names, NAMES_SHOWN)}",
            remedy="Correct or remove these variables.",
        )
    if not wrong and not unknown:
        yield fine("settings", "can be read")


def judge_settings(settings: Settings, *, takes_payments: Sequence[str]) -> Iterator[Verdict]:
    """Judge settings that can be, but may not be meant.

    Args:
        settings: of this process.
        takes_payments: names of the payment providers that are set up.
    """
    public = not is_local(settings.host)
    tls = (settings.ws_url or "").startswith("wss://")
    yield _payments(takes_payments, public=public or tls)
    if not public and not tls:
        yield fine("browsers", f"only of this machine ({settings.host})")
        return
    missing = []
    if not settings.origins:
        missing.append("SHOWDROP_ORIGINS")
    if settings.ws_url is None:
        missing.append("SHOWDROP_WS_URL")
    if missing:
        yield Verdict(
            check="browsers",
            state="warn",
            found=f"{settings.host} is public, {' and '.join(missing)} not set",
            remedy="Set SHOWDROP_ORIGINS to the public address of the pages, and SHOWDROP_WS_URL to the gateway's.",
        )
    elif not tls:
        yield Verdict(
            check="browsers",
            state="warn",
            found="the gateway's public address is ws://",
            remedy="Put a proxy with TLS in front of both ports, and set SHOWDROP_WS_URL=wss://….",
        )
    else:
        yield fine("browsers", f"{len(settings.origins)} origins, the gateway by wss://")
    if tls and not settings.proxies:
        yield Verdict(
            check="proxies",
            state="warn",
            found="TLS ends in front of us, and no proxy is named",
            remedy="Name your proxies in SHOWDROP_PROXIES: else all viewers share the limits of one address.",
        )
    else:
        yield fine("proxies", f"{len(settings.proxies)} networks named")


def judge_secret(secret: SecretFacts, *, embedded: bool) -> Verdict:
    """Judge what tokens are signed with.

    Args:
        secret: about it.
        embedded: whether all runs on this machine, where roles share the secret's file.
    """
    if secret.source == "none":
        if embedded:
            return fine("secret", "is made at the first start")
        return Verdict(
            check="secret",
            state="warn",
            found="none; each machine would make its own",
            remedy="Set the same SHOWDROP_SECRET for every role, such as the output of: openssl rand -base64 48.",
        )
    if secret.length < SECRET_MIN_CHARACTERS or secret.distinct < SECRET_LEAST_DISTINCT:
        return Verdict(
            check="secret",
            state="fail",
            found=f"{secret.length} characters, {secret.distinct} different ones",
            remedy=f"Use at least {SECRET_MIN_CHARACTERS} random characters: whoever guesses it can be anyone.",
        )
    if secret.readable_by_others:
        return Verdict(
            check="secret",
            state="fail",
            found="its file can be read by other users",
            remedy="Run chmod 600 on the file secret in the data directory, and renew it if others have accounts here.",
        )
    return fine("secret", f"{secret.length} characters, from the {secret.source}")


def judge_machine(machine: MachineFacts, *, open_files_needed: int, embedded: bool) -> Iterator[Verdict]:
    """Judge what this machine has to spare.

    Args:
        machine: about it.
        open_files_needed: by one gateway process.
        embedded: whether the data of the servers is in the data directory.
    """
    limit = machine.open_files
    if limit is None or limit >= open_files_needed:
        yield fine("open files", f"{'no limit' if limit is None else limit}, {open_files_needed} needed by a gateway")
    else:
        yield Verdict(
            check="open files",
            state="warn" if embedded else "fail",  # who tries things out has no 20,000 viewers
            found=f"{limit} allowed, {open_files_needed} needed by a gateway of SHOWDROP_MAX_VIEWERS",
            remedy=f"Set LimitNOFILE={open_files_needed} (ulimit -n), or lower SHOWDROP_MAX_VIEWERS.",
        )
    if not machine.writable:
        yield Verdict(
            check="data directory",
            state="fail",
            found=f"{machine.data_dir} cannot be written",
            remedy="Let this user write there, or set SHOWDROP_DATA_DIR.",
        )
    elif not embedded:
        yield fine("data directory", f"{machine.data_dir}, {in_bytes(machine.free_bytes)} free; holds no data")
    else:
        yield graded(
            "data directory",
            -machine.free_bytes,
            warn_above=-DISK_WARN_BYTES,
            fail_above=-DISK_FAIL_BYTES,
            found=f"{machine.data_dir}, {in_bytes(machine.free_bytes)} free",
            remedy="Make room on this disk, or move SHOWDROP_DATA_DIR to a larger one.",
        )


def judge_door(door: DoorFacts) -> Verdict:
    """Judge one port: free for us, or answered by us, and by the role that it is for."""
    check = f"port of the {door.name}"
    if door.ours and door.ready:
        return fine(check, f"{door.address} answers and is ready")
    if door.role:
        return Verdict(
            check=check,
            state="fail",
            found=f"{door.address} is answered by the {'API' if door.role == 'api' else door.role}",
            remedy=f"Set {door.variable} here as it is set where the {door.name} runs.",
        )
    if door.ours:
        return Verdict(
            check=check,
            state="fail",
            found=f"{door.address} answers, but is not ready: {', '.join(door.failing) or 'no reason given'}",
            remedy="See to what it names; the same is in the log of that process.",
        )
    if door.free:
        return fine(check, f"{door.address} is free")
    return Verdict(
        check=check,
        state="fail",
        found=f"{door.address}: {door.error}",
        remedy=f"Stop what uses it, or set {door.variable} or SHOWDROP_HOST.",
    )


def judge_collector(collector: CollectorFacts) -> Verdict:
    """Judge whether traces arrive. Nothing but traces is lost when they do not."""
    if collector.refused:
        return Verdict(
            check="traces",
            state="fail",
            found=collector.refused,
            remedy="Correct or unset this variable: with it no role starts.",
        )
    where = f"the proxy {collector.proxy} before {collector.address}" if collector.proxy else collector.address
    if collector.error:
        return Verdict(
            check="traces",
            state="warn",
            found=f"{where}: {collector.error}",
            remedy="See that the collector runs, that this machine may reach it, and that OTEL_EXPORTER_OTLP_ENDPOINT "
            "is right (and HTTP_PROXY, HTTPS_PROXY and NO_PROXY); until then spans are dropped.",
        )
    return fine("traces", f"{where} takes connections" if where else "off")


def _payments(takes: Sequence[str], *, public: bool) -> Verdict:
    if not takes:
        return Verdict(
            check="payments",
            state="fail",
            found="nobody takes payments",
            remedy="Set up Stripe or M-Pesa (docs/payments.md), or SHOWDROP_TEST_BANK=on to try things out.",
        )
    if public and "test" in takes:
        return Verdict(
            check="payments",
            state="warn",
            found=f"{', '.join(takes)}; anyone can buy without money",
            remedy="Set SHOWDROP_TEST_BANK=off before real sales.",
        )
    return fine("payments", ", ".join(takes))
