"""The viewers' socket of locust, against a server that speaks TLS."""

import datetime
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.sync.server import ServerConnection, serve

from loadtests.socket_ws import Socket


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of its own for ``localhost``, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return chain, private


def echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A port on which TLS is spoken, and the certificate."""
    chain, private = write_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, private)
    with serve(echo, "127.0.0.1", 0, ssl=context) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.socket.getsockname()[1], chain
        server.shutdown()
        thread.join()


def test_a_viewer_speaks_tls_to_a_gateway_whose_certificate_is_trusted(
    served: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, chain = served
    monkeypatch.setenv("SSL_CERT_FILE", str(chain))
    sock = Socket(f"wss://localhost:{port}/v1/shows/show_1/live")
    try:
        sock.send(b"hello")
        heard = next(payloads for payloads in sock.messages() if payloads)
    finally:
        sock.close()
    assert heard == [b"hello"]


def test_a_certificate_that_nobody_trusts_is_refused(served: tuple[int, Path]) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        Socket(f"wss://localhost:{served[0]}/v1/shows/show_1/live")
