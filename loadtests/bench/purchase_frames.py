"""What a buyer writes after a claim, and how the news of its order begin: bytes only, pure."""

from typing import Final

from live import wire
from loadtests.bench.client_frames import text_frame

PAYMENT_METHOD: Final = "pm_test_ok"
"""Authorised at once by the built-in provider."""

SUBMITTED: Final = b'{"type":"order.submitted",'
CONFIRMED: Final = b'{"type":"order.confirmed",'

OTHER_NEWS: Final = (b'{"type":"order.', b'{"type":"hold.')
"""How any other news of a purchase begins: none of them belongs to one that goes well."""

ERROR: Final = b'{"type":"error",'
"""How the answer begins to what could not be served."""

_PLACE: Final = "hold_" + "0" * 26

_frame = text_frame(wire.encode_json(wire.Checkout(hold_id=_PLACE, payment_method=PAYMENT_METHOD)))
_BEFORE, _, _AFTER = _frame.partition(_PLACE.encode())


def checkout_of(hold_id: bytes) -> bytes:
    """Return the masked frame that pays for a hold.

    Raises:
        ValueError: this is no hold id: the frame would have another length than it says.
    """
    if len(hold_id) != len(_PLACE):
        raise ValueError("no hold id")
    return _BEFORE + hold_id + _AFTER
