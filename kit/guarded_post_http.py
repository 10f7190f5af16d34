"""A POST to an address that a stranger typed in: it goes where was judged, and nothing of the answer is remembered.

The transport of httpx is used without its client, so no redirect is followed, no cookie kept and no proxy asked: a
proxy would look the name up again.
"""

from collections.abc import Mapping

import httpx


async def guarded_post(
    transport: httpx.AsyncHTTPTransport, url: str, address: str, body: bytes, headers: Mapping[str, str]
) -> httpx.Response:
    """POST to the address that was judged, in the name of the URL's host, and return the head of the answer.

    It has no limit of time: that is the caller's, and so is closing the answer.

    Args:
        transport: used for this scheme, host and port only: a connection made for one name must not serve another at
            the same address.
        url: one that ``checked_url`` took.
        address: what ``Addresses.find`` returned for it, just now.
        body: as it is sent.
        headers: beside ``Host``.

    Raises:
        httpx.HTTPError, httpx.InvalidURL, OSError: the call failed.
    """
    target = httpx.URL(url)
    request = httpx.Request(
        "POST",
        target.copy_with(host=address),
        content=body,
        headers={"host": target.netloc.decode("ascii"), "accept-encoding": "identity", **headers},
        # The certificate is checked for the name, although the connection is made to the address.
        extensions={"sni_hostname": target.host},
    )
    return await transport.handle_async_request(request)
