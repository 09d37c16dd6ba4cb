"""What a project's country and locale say about how dates, numbers, money and phones are written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Unicode CLDR 46, main date patterns: the territories that write the month first
MONTH_FIRST = frozenset({"US", "FM", "GU", "MH", "MP", "PH", "PR", "PW", "AS", "UM", "VI"})
# CLDR 46: the decimal mark is a point in these; elsewhere it is a comma
DECIMAL_POINT = frozenset(
    [
        "AE",
        "AU",
        "BD",
        "BW",
        "BZ",
        "CA",
        "CH",
        "CN",
        "DO",
        "EG",
        "ET",
        "GB",
        "GH",
        "GI",
        "GT",
        "GU",
        "HK",
        "HN",
        "IE",
        "IL",
        "IN",
        "JM",
        "JO",
        "JP",
        "KE",
        "KH",
        "KR",
        "LB",
        "LI",
        "LK",
        "LY",
        "MM",
        "MO",
        "MT",
        "MX",
        "MY",
        "NA",
        "NG",
        "NI",
        "NP",
        "NZ",
        "OM",
        "PA",
        "PE",
        "PH",
        "PK",
        "PR",
        "PS",
        "QA",
        "RW",
        "SA",
        "SG",
        "SV",
        "TH",
        "TT",
        "TW",
        "TZ",
        "UG",
        "US",
        "VI",
        "YE",
        "ZA",
        "ZM",
        "ZW",
    ]
)
CURRENCIES: dict[str, str] = {
    **dict.fromkeys(
        ["AD", "AT", "BE", "CY", "DE", "EE", "ES", "FI", "FR", "GR", "HR", "IE", "IT", "LT", "LU", "LV", "MC", "ME", "MT", "NL", "PT", "SI", "SK", "SM", "VA", "XK"], "EUR"
    ),
    "AE": "AED", "AR": "ARS", "AU": "AUD", "BD": "BDT", "BG": "BGN", "BR": "BRL", "CA": "CAD",
    "CH": "CHF", "CL": "CLP", "CN": "CNY", "CO": "COP", "CZ": "CZK", "DK": "DKK", "EG": "EGP",
    "GB": "GBP", "GH": "GHS", "HK": "HKD", "HU": "HUF", "ID": "IDR", "IL": "ILS", "IN": "INR",
    "IS": "ISK", "JP": "JPY", "KE": "KES", "KR": "KRW", "LK": "LKR", "MA": "MAD", "MX": "MXN",
    "MY": "MYR", "NG": "NGN", "NO": "NOK", "NZ": "NZD", "PE": "PEN", "PH": "PHP", "PK": "PKR",
    "PL": "PLN", "RO": "RON", "RS": "RSD", "SA": "SAR", "SE": "SEK", "SG": "SGD", "TH": "THB",
    "TR": "TRY", "TW": "TWD", "TZ": "TZS", "UA": "UAH", "UG": "UGX", "US": "USD", "VN": "VND",
    "ZA": "ZAR",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Setting:
    """`country` is an ISO 3166 code; `year` is the present one, against which two-digit years are read."""

    country: str = "GB"
    day_first: bool = True
    decimal_comma: bool = False
    currency: str = "GBP"
    year: int = 2000


def setting(project: Mapping[str, Any], year: int, country: str = "") -> Setting:
    """The setting of a project; a `country` given to the step counts before the project's."""
    locale = str(project.get("locale") or "")
    land = (country or str(project.get("country") or "")).strip().upper()
    found = re.search(r"[-_]([A-Za-z]{2})\b", locale)
    writes = land if country or found is None else found[1].upper()
    land = land or writes or "GB"
    writes = writes or land
    return Setting(
        land,
        writes not in MONTH_FIRST,
        writes not in DECIMAL_POINT,
        CURRENCIES.get(land, ""),
        year,
    )
