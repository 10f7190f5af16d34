"""What the fake M-Pesa remembers: prompts on phones, transactions, and results that it has not posted yet."""

import itertools
from typing import Literal

import msgspec


class Prompt(msgspec.Struct, kw_only=True):
    """A push on a phone. ``code`` is what ``stkpushquery`` says: None while the buyer has not acted."""

    checkout_request_id: str
    phone: str
    shillings: int
    callback_url: str
    code: int | None = None
    receipt: str = ""
    still_processing: int = 0
    queries: int = 0


class Transaction(msgspec.Struct, kw_only=True):
    """Money that moved."""

    receipt: str
    shillings: int
    debit_party: str
    credit_party: str
    conversation_id: str = ""
    reversed: int = 0


class Posting(msgspec.Struct, kw_only=True):
    """Something that is still to be posted."""

    url: str
    body: dict[str, object]
    kind: Literal["check", "reverse"]


class Ledger:
    """The accounts."""

    def __init__(self, shortcode: str) -> None:
        self.shortcode = shortcode
        self.prompts: dict[str, Prompt] = {}
        self.transactions: dict[str, Transaction] = {}
        self.postings: list[Posting] = []
        self._numbers = itertools.count(1)

    def prompt(self, *, phone: str, shillings: int, callback_url: str) -> Prompt:
        """Put a prompt on a phone."""
        number = next(self._numbers)
        made = Prompt(
            checkout_request_id=f"ws_CO_01112026_{number:06}",
            phone=phone,
            shillings=shillings,
            callback_url=callback_url,
        )
        self.prompts[made.checkout_request_id] = made
        return made

    def pay(self, prompt: Prompt) -> Transaction:
        """Let the buyer confirm."""
        prompt.code = 0
        made = self.transfer(prompt.shillings, f"{prompt.phone} - Ana Otieno", f"{self.shortcode} - Showdrop")
        prompt.receipt = made.receipt
        return made

    def transfer(self, shillings: int, debit_party: str, credit_party: str, conversation_id: str = "") -> Transaction:
        """Move money."""
        receipt = f"TJ{next(self._numbers):08}"
        made = Transaction(
            receipt=receipt,
            shillings=shillings,
            debit_party=debit_party,
            credit_party=credit_party,
            conversation_id=conversation_id,
        )
        self.transactions[receipt] = made
        return made

    def conversation(self) -> str:
        """Return a new OriginatorConversationID."""
        return f"7071-4170-{next(self._numbers):08}"

    @property
    def kept(self) -> int:
        """Shillings that buyers paid and did not get back."""
        paid = [one for one in self.transactions.values() if one.credit_party.startswith(self.shortcode)]
        return sum(one.shillings - one.reversed for one in paid)
