"""Where the simulated numbers are: area codes with a city each, and the ranges that nobody can be reached at.

Touches: nothing.

Ranges set aside for fiction: in North America 555-0100 to 555-0199 of each area code (ATIS-0300115); in
Great Britain 020 7946 0xxx, 03069 990xxx and 0808 157 0xxx
(https://www.ofcom.org.uk/phones-and-broadband/phone-numbers/numbers-for-drama); in Australia
(02) 7010 xxxx and some mobile numbers (https://www.acma.gov.au/phone-numbers-use-tv-shows-films-and-creative-works);
in Germany (0)30 23125 xxx (Bundesnetzagentur, numbers for media productions).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from carrier_mock.model import Kind, Place

_CITIES: Final = """
201 NJ 07302 40.72 -74.04 Jersey City; 202 DC 20001 38.91 -77.02 Washington; 203 CT 06604 41.18 -73.20 Bridgeport;
205 AL 35203 33.52 -86.81 Birmingham; 206 WA 98101 47.61 -122.33 Seattle; 207 ME 04101 43.66 -70.26 Portland;
208 ID 83702 43.63 -116.20 Boise; 212 NY 10001 40.75 -73.99 New York; 213 CA 90012 34.06 -118.24 Los Angeles;
214 TX 75201 32.79 -96.80 Dallas; 215 PA 19103 39.95 -75.17 Philadelphia; 216 OH 44113 41.48 -81.70 Cleveland;
225 LA 70801 30.45 -91.19 Baton Rouge; 239 FL 33901 26.62 -81.87 Fort Myers; 248 MI 48084 42.56 -83.18 Troy;
251 AL 36602 30.69 -88.04 Mobile; 302 DE 19801 39.74 -75.55 Wilmington; 303 CO 80202 39.75 -105.00 Denver;
304 WV 25301 38.35 -81.63 Charleston; 305 FL 33131 25.77 -80.19 Miami; 307 WY 82001 41.14 -104.82 Cheyenne;
312 IL 60601 41.89 -87.62 Chicago; 313 MI 48226 42.33 -83.05 Detroit; 314 MO 63101 38.63 -90.19 Saint Louis;
316 KS 67202 37.69 -97.34 Wichita; 317 IN 46204 39.77 -86.16 Indianapolis; 318 LA 71101 32.51 -93.75 Shreveport;
336 NC 27401 36.07 -79.79 Greensboro; 361 TX 78401 27.80 -97.40 Corpus Christi; 401 RI 02903 41.82 -71.41 Providence;
402 NE 68102 41.26 -95.93 Omaha; 404 GA 30303 33.75 -84.39 Atlanta; 405 OK 73102 35.47 -97.52 Oklahoma City;
406 MT 59101 45.78 -108.51 Billings; 407 FL 32801 28.54 -81.38 Orlando; 408 CA 95113 37.33 -121.89 San Jose;
410 MD 21202 39.29 -76.61 Baltimore; 412 PA 15222 40.44 -80.00 Pittsburgh; 414 WI 53202 43.04 -87.90 Milwaukee;
415 CA 94103 37.77 -122.41 San Francisco; 417 MO 65806 37.21 -93.29 Springfield; 423 TN 37402 35.05 -85.31 Chattanooga;
425 WA 98004 47.61 -122.20 Bellevue; 434 VA 24504 37.41 -79.14 Lynchburg; 501 AR 72201 34.75 -92.28 Little Rock;
502 KY 40202 38.25 -85.75 Louisville; 503 OR 97204 45.52 -122.67 Portland; 504 LA 70112 29.96 -90.07 New Orleans;
505 NM 87102 35.08 -106.65 Albuquerque; 509 WA 99201 47.66 -117.43 Spokane; 512 TX 78701 30.27 -97.74 Austin;
513 OH 45202 39.10 -84.51 Cincinnati; 515 IA 50309 41.59 -93.62 Des Moines; 518 NY 12207 42.65 -73.75 Albany;
520 AZ 85701 32.22 -110.97 Tucson; 559 CA 93721 36.73 -119.79 Fresno; 601 MS 39201 32.29 -90.18 Jackson;
602 AZ 85004 33.45 -112.07 Phoenix; 603 NH 03101 42.99 -71.46 Manchester; 605 SD 57104 43.55 -96.73 Sioux Falls;
612 MN 55401 44.98 -93.27 Minneapolis; 614 OH 43215 39.97 -83.00 Columbus; 615 TN 37203 36.15 -86.79 Nashville;
617 MA 02108 42.36 -71.06 Boston; 619 CA 92101 32.72 -117.17 San Diego; 646 NY 10001 40.75 -73.99 New York;
701 ND 58102 46.88 -96.79 Fargo; 702 NV 89101 36.17 -115.12 Las Vegas; 704 NC 28202 35.23 -80.84 Charlotte;
713 TX 77002 29.76 -95.36 Houston; 718 NY 11201 40.69 -73.99 Brooklyn; 775 NV 89501 39.53 -119.81 Reno;
786 FL 33131 25.77 -80.19 Miami; 801 UT 84101 40.76 -111.90 Salt Lake City; 802 VT 05401 44.48 -73.22 Burlington;
803 SC 29201 34.00 -81.03 Columbia; 804 VA 23219 37.54 -77.44 Richmond; 808 HI 96813 21.31 -157.86 Honolulu;
813 FL 33602 27.95 -82.46 Tampa; 816 MO 64105 39.10 -94.58 Kansas City; 901 TN 38103 35.15 -90.05 Memphis;
907 AK 99501 61.22 -149.89 Anchorage; 915 TX 79901 31.76 -106.49 El Paso; 916 CA 95814 38.58 -121.49 Sacramento;
917 NY 10001 40.75 -73.99 New York; 919 NC 27601 35.78 -78.64 Raleigh
"""
_CANADIAN_CITIES: Final = """
204 MB R3C 49.90 -97.14 Winnipeg; 306 SK S4P 50.45 -104.61 Regina; 403 AB T2P 51.05 -114.07 Calgary;
416 ON M5H 43.65 -79.38 Toronto; 506 NB E2L 45.27 -66.06 Saint John; 514 QC H3B 45.50 -73.57 Montreal;
604 BC V6C 49.28 -123.12 Vancouver; 613 ON K1P 45.42 -75.70 Ottawa; 709 NL A1C 47.56 -52.71 St. John's
"""
_TOLL_FREE_CODES: Final = ("833", "844", "855", "866", "877", "888")
_FICTION: Final = 100
_MOBILE_IN_AUSTRALIA: Final = (
    "491570006", "491570156", "491570157", "491570158", "491570159", "491570110", "491571266", "491573770",
    "491575254", "491578957",
)  # fmt: skip


class Range(NamedTuple):
    """Numbers of one place, as they are dialled after the calling code."""

    place: Place
    numbers: tuple[str, ...]


MAGIC: Final = Place("US", "1", Kind.LOCAL, "500", hidden=True)
"""Where the magic numbers are: an area code of no place."""


def north_american() -> list[Place]:
    """The area codes that have a city."""
    return [*_cities("US", _CITIES), *_cities("CA", _CANADIAN_CITIES)]


def fictional() -> list[Range]:
    """Every range that is set aside for fiction and known here."""
    ranges = [Range(place, _fiction(place.area_code)) for place in north_american()]
    ranges += [Range(Place("US", "1", Kind.TOLL_FREE, code), _fiction(code)) for code in _TOLL_FREE_CODES]
    voice = ("voice",)
    london = Place("GB", "44", Kind.LOCAL, "20", locality="London", capabilities=voice)
    anywhere = Place("GB", "44", Kind.NATIONAL, "306", capabilities=voice)
    freephone = Place("GB", "44", Kind.TOLL_FREE, "808", capabilities=voice)
    sydney = Place("AU", "61", Kind.LOCAL, "2", locality="Sydney", capabilities=voice)
    mobile = Place("AU", "61", Kind.MOBILE, "491", capabilities=("voice", "sms"))
    berlin = Place("DE", "49", Kind.LOCAL, "30", locality="Berlin", capabilities=voice, address="local")
    return [
        *ranges,
        Range(london, tuple(f"2079460{last:03}" for last in range(200))),
        Range(anywhere, tuple(f"3069990{last:03}" for last in range(_FICTION))),
        Range(freephone, tuple(f"8081570{last:03}" for last in range(_FICTION))),
        Range(sydney, tuple(f"27010{last:04}" for last in range(_FICTION))),
        Range(mobile, _MOBILE_IN_AUSTRALIA),
        Range(berlin, tuple(f"3023125{last:03}" for last in range(_FICTION))),
    ]


def _fiction(area_code: str) -> tuple[str, ...]:
    return tuple(f"{area_code}55501{last:02}" for last in range(_FICTION))


def _cities(country: str, text: str) -> list[Place]:
    found = []
    for entry in text.split(";"):
        code, region, postal_code, latitude, longitude, city = entry.split(maxsplit=5)
        found.append(
            Place(country, "1", Kind.LOCAL, code, region, city, postal_code, float(latitude), float(longitude))
        )
    return found
