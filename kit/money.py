"""Money as integer minor units with a currency, and the reading of prices that people typed.

Codes and digits are those of ISO 4217 list one, kept by SIX as the standard's maintenance agency, as of amendment
180: BGN is gone since January 2026, ANG since 2025 (now XCG). Left out on purpose are codes that nobody pays with:
metals, bond units, funds (CLF, UYW, XDR …) and test codes.
Payment providers sometimes count in other digits than ISO (ISK, UGX, CLP); their adapters convert at their edge.
"""

import re
from typing import Final, Self

import msgspec

from kit.errors import InvalidError


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


CURRENCIES: Final = _codes(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP
    CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG
    HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL
    MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR
    RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD
    TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
    """
)

NO_DIGITS: Final = _codes("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF")
THREE_DIGITS: Final = _codes("BHD IQD JOD KWD LYD OMR TND")
_DIGITS: Final = {code: 0 if code in NO_DIGITS else 3 if code in THREE_DIGITS else 2 for code in CURRENCIES}

MAX_AMOUNT_MINOR: Final = 2**53 - 1
"""The largest amount in minor units: the largest integer that every JSON reader keeps exact."""

MAX_PRICE_CHARS: Final = 64
"""The longest text that is looked at as a price, in characters; it also bounds the work of the patterns below."""

# What a sign can stand for. A sign that several currencies share counts only with the help of the default currency.
_SIGNS: Final[dict[str, frozenset[str]]] = {
    "€": _codes("EUR"),
    "$": _codes(
        "ARS AUD BBD BMD BND BSD BZD CAD CLP COP CVE DOP FJD GYD HKD JMD KYD LRD MXN NAD NZD SBD SGD SRD TTD TWD "
        "USD UYU XCD"
    ),
    "US$": _codes("USD"),
    "A$": _codes("AUD"),
    "C$": _codes("CAD NIO"),
    "CA$": _codes("CAD"),
    "R$": _codes("BRL"),
    "£": _codes("EGP FKP GBP GIP LBP SHP SSP SYP"),
    "¥": _codes("CNY JPY"),
    "₹": _codes("INR"),
    "₩": _codes("KPW KRW"),
    "₺": _codes("TRY"),
    "₫": _codes("VND"),
    "₴": _codes("UAH"),
    "₪": _codes("ILS"),
    "₱": _codes("PHP"),
    "₦": _codes("NGN"),
    "฿": _codes("THB"),
    "KR": _codes("DKK ISK NOK SEK"),
    "KR.": _codes("DKK ISK NOK SEK"),
    "ZŁ": _codes("PLN"),
    "KČ": _codes("CZK"),
    "FT": _codes("HUF"),
    "FR.": _codes("CHF"),
}

_PLAIN = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,2}))?")
_PRICE = re.compile(r"(?P<before>[^0-9]*?)\s*(?P<number>[0-9](?:[0-9.,' ]*[0-9])?)\s*(?P<after>[^0-9]*)")
_GROUPED = re.compile(r"[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]{1,3}(?:[ '][0-9]{3})+")
_SPACES_AND_APOSTROPHES = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2019": "'"})


class Money(msgspec.Struct, frozen=True, order=False):
    """An amount of one currency; on the wire exactly ``{"amount":1999,"currency":"EUR"}``.

    Attributes:
        amount: minor units (cents, or whole yen); may be negative where a difference is meant.
        currency: an ISO 4217 code, upper case.
    """

    amount: int
    currency: str

    def __add__(self, other: Self) -> "Money":
        """The sum; ``ValueError`` when the currencies differ."""
        self._check_same(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: Self) -> "Money":
        """The difference; ``ValueError`` when the currencies differ."""
        self._check_same(other)
        return Money(self.amount - other.amount, self.currency)

    def __mul__(self, count: int) -> "Money":
        """The amount for ``count`` units."""
        return Money(self.amount * count, self.currency)

    def _check_same(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not add up")


def known_currency(code: str) -> str:
    """The code in upper case.

    Raises:
        InvalidError: ``unknown_currency``, when it is not an active ISO 4217 code.
    """
    upper = code.strip().upper()
    if upper not in CURRENCIES:
        raise InvalidError(
            f'"{code[:MAX_PRICE_CHARS]}" is not an ISO 4217 currency code such as EUR or USD',
            field="currency",
            code="unknown_currency",
        )
    return upper


def minor_digits(currency: str) -> int:
    """How many digits the currency's minor unit has: 0, 2 or 3; ``InvalidError`` for an unknown code."""
    return _DIGITS[known_currency(currency)]


def plain_amount(money: Money) -> str:
    """The number with all digits of the currency (``5900.00``, ``1300`` yen); ``InvalidError`` for an unknown code."""
    digits = minor_digits(money.currency)
    whole, fraction = divmod(abs(money.amount), 10**digits)
    sign = "-" if money.amount < 0 else ""
    return f"{sign}{whole}.{fraction:0{digits}}" if digits else f"{sign}{whole}"


def parse_price(text: str, *, default_currency: str) -> Money:
    """Read a price as merchants write it.

    Such as ``12.5``, ``1,299.00``, ``1.299,00``, ``1 299,00``, ``1'299.00``, ``€ 12,50``, ``12.50 EUR``, ``USD 12.50``.
    It refuses rather than rounds or guesses: more decimals than the currency has, negative prices, a sign such as
    ``$`` that does not fit the default currency and fits several others. A lone dot is always the decimal point
    (``9.999 EUR`` is an error). A lone comma before exactly three digits groups thousands where the currency cannot
    have three decimals (``1,299 USD`` is 1299.00) and is refused where it can (``1,299 KWD``).

    Args:
        text: the cell, with or without a currency code or sign before or behind the number.
        default_currency: a known ISO 4217 code, used when the text names none.

    Raises:
        InvalidError: ``invalid_price``; the message starts with the quoted text.
    """
    digits = _DIGITS.get(default_currency)
    if digits is not None and (plain := _PLAIN.fullmatch(text)):
        whole, fraction = plain.groups("")
        if len(fraction) <= digits:  # nearly every price of a file; the rules below say the same, slower
            return Money(int(whole + fraction.ljust(digits, "0")), default_currency)
    number, currency = _split(text, known_currency(default_currency))
    digits = _DIGITS[currency]
    amount = _minor_units(number, digits)
    if amount is None:
        raise _refused(
            text, f"is not a price in {currency}; write it like 1299{'.000'[: digits + 1] if digits else ''}"
        )
    if amount > MAX_AMOUNT_MINOR:
        raise _refused(text, "is too large for a price")
    return Money(amount, currency)


def _refused(text: str, why: str) -> InvalidError:
    shown = text if len(text) <= MAX_PRICE_CHARS else text[: MAX_PRICE_CHARS - 1] + "…"
    return InvalidError(f'"{shown}" {why}', field="price", code="invalid_price")


def _split(text: str, default_currency: str) -> tuple[str, str]:
    """The number, with plain spaces and apostrophes, and the currency."""
    stripped = text.translate(_SPACES_AND_APOSTROPHES).strip()
    match = _PRICE.fullmatch(stripped) if len(stripped) <= MAX_PRICE_CHARS else None
    if match is None:
        raise _refused(text, "is not a price")
    marks = [mark.strip().upper() for mark in (match["before"], match["after"]) if mark.strip()]
    if any(mark[0] in "-\u2212(" for mark in marks):
        raise _refused(text, "is negative")
    possible: frozenset[str] | None = None
    for mark in marks:
        meant = frozenset({mark}) if mark in CURRENCIES else _SIGNS.get(mark)
        if meant is None:
            raise _refused(text, f'has no known currency in "{mark}"')
        possible = meant if possible is None else possible & meant
    if possible is None or default_currency in possible:
        return match["number"], default_currency
    if len(possible) != 1:
        raise _refused(text, "does not say which currency it means; write the ISO code, such as USD")
    return match["number"], next(iter(possible))


def _minor_units(number: str, digits: int) -> int | None:
    """Minor units of a number with optional separators, or None when it has no single exact reading."""
    whole, fraction, sure = _halves(number, digits)
    if not _GROUPED.fullmatch(whole) or (fraction and not fraction.isdigit()):
        return None
    kept, excess = fraction[:digits], fraction[digits:]
    # "12.5000" is exact, but "10.000" may be ten or ten thousand: three digits behind a lone mark are never trimmed.
    if excess and (excess.strip("0") or (len(fraction) == 3 and not sure)):
        return None
    return int(re.sub(r"[^0-9]", "", whole) + kept.ljust(digits, "0"))


def _halves(number: str, digits: int) -> tuple[str, str, bool]:
    """The part before the decimal mark, the part behind it, and whether another separator proves which mark it is."""
    dots, commas = number.count("."), number.count(",")
    if dots + commas == 0:
        return number, "", True
    if dots and commas:
        whole, _, fraction = number.rpartition("." if number.rfind(".") > number.rfind(",") else ",")
        return whole, fraction, True
    if dots + commas > 1:
        return number, "", True
    whole, mark, fraction = number.partition("." if dots else ",")
    if mark == "," and len(fraction) == 3 and len(whole) <= 3 and whole[0] != "0":
        # Three decimals are possible in KWD, so there the comma has two readings; an impossible fraction refuses it.
        return (number, "", True) if digits != 3 else (whole, "?", False)
    return whole, fraction, " " in whole or "'" in whole
