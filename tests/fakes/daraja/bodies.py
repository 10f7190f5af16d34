"""What the fake posts, in the shapes that Daraja uses."""

from tests.fakes.daraja.ledger import Prompt, Transaction


def callback(
    prompt: Prompt, *, code: int | str, shillings: float | None = None, receipt: str = ""
) -> dict[str, object]:
    """A push's callback; metadata come on success only, and ``Balance`` without a value."""
    posted: dict[str, object] = {
        "MerchantRequestID": "29115-34620561-1",
        "CheckoutRequestID": prompt.checkout_request_id,
        "ResultCode": code,
        "ResultDesc": "The service request is processed successfully." if str(code) == "0" else "No.",
    }
    if str(code) == "0":
        posted["CallbackMetadata"] = {
            "Item": [
                {"Name": "Amount", "Value": float(prompt.shillings) if shillings is None else shillings},
                {"Name": "MpesaReceiptNumber", "Value": receipt or prompt.receipt},
                {"Name": "Balance"},
                {"Name": "TransactionDate", "Value": 20261101120000},
                {"Name": "PhoneNumber", "Value": int(prompt.phone)},
            ]
        }
    return {"Body": {"stkCallback": posted}}


def result(
    conversation_id: str, *, code: int | str, transaction_id: str = "", parameters: dict[str, object] | None = None
) -> dict[str, object]:
    """What goes to a ``ResultURL``."""
    posted: dict[str, object] = {
        "ResultType": 0,
        "ResultCode": code,
        "ResultDesc": "The service request is processed successfully." if str(code) == "0" else "No.",
        "OriginatorConversationID": conversation_id,
        "ConversationID": f"AG_20261101_{conversation_id[-8:]}",
        "TransactionID": transaction_id,
        "ReferenceData": {"ReferenceItem": {"Key": "Occasion", "Value": "Showdrop"}},
    }
    if parameters is not None:
        posted["ResultParameters"] = {"ResultParameter": [{"Key": key, "Value": parameters[key]} for key in parameters]}
    return {"Result": posted}


def status(conversation_id: str, transaction: Transaction | None) -> dict[str, object]:
    """The answer to a question about a transaction."""
    if transaction is None:
        return result(conversation_id, code="2032")
    return result(
        conversation_id,
        code=0,
        transaction_id="TJ70000000",
        parameters={
            "DebitPartyName": transaction.debit_party,
            "CreditPartyName": transaction.credit_party,
            "TransactionStatus": "Completed",
            "Amount": f"{transaction.shillings}.00",
            "ReceiptNo": transaction.receipt,
            "FinalisedTime": 20261101120001,
        },
    )
