"""The simulated company: business units, zones with their ZIP codes and crews, arrival windows, catalogues."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

LOCAL = ZoneInfo("America/Phoenix")
PHOENIX, TUCSON = 1011, 1012
BUSINESS_UNITS = {PHOENIX: "Phoenix Garage Doors", TUCSON: "Tucson Garage Doors"}
JOB_TYPES = {
    2041: "Spring", 2042: "Opener", 2043: "Off track", 2044: "Panel", 2045: "Cable",
    2046: "New door", 2047: "Tune-up", 2048: "Keypad", 2049: "Noise", 2050: "Other",
}  # fmt: skip
CAMPAIGNS = {500: "Online booking", 501: "Google", 502: "Facebook"}
CANCEL_REASONS = {801: "Customer cancelled", 802: "Booked twice", 803: "Other"}
HOLD_REASONS = {811: "Waiting for parts", 812: "Customer asked to wait"}
CUSTOM_FIELDS = {31: "Door count", 32: "Door age", 33: "Owner or renter"}
TAG_TYPES = {9001: "Online booking", 9002: "Warranty"}
WINDOW_HOURS = ((8, 10), (10, 12), (12, 14), (14, 16), (16, 18))
ARRIVAL_WINDOW_IDS = {hours: 601 + n for n, hours in enumerate(WINDOW_HOURS)}
SKILLED = {2046: {301, 304, 306, 308, 311, 313, 316}}  # who can do a job type that not everybody can


@dataclass(frozen=True)
class Technician:
    """Somebody with a truck, who works the same hours every day."""

    id: int
    name: str
    from_hour: int
    to_hour: int


@dataclass(frozen=True)
class ZoneFile:
    """ZIP codes served by one crew."""

    id: int
    name: str
    business_unit_id: int
    cities: tuple[str, ...]
    zips: tuple[str, ...]
    crew: tuple[Technician, ...]


def _zips(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ZONES = (
    ZoneFile(
        41, "Central and South Phoenix", PHOENIX, ("Phoenix", "Laveen", "Tolleson"),
        _zips("85003 85004 85006 85007 85008 85009 85012 85013 85014 85015 85016 85017 85018 85019 85025 85026 85031 85033 "
            "85034 85035 85037 85039 85040 85041 85042 85043 85044 85045 85048 85055 85065 85073 85096 85097 85339 85353"),
        (Technician(301, "R. Diaz", 8, 16), Technician(302, "M. Okafor", 8, 16), Technician(303, "J. Lund", 10, 18)),
    ),
    ZoneFile(
        42, "North Phoenix", PHOENIX, ("Phoenix", "Cave Creek", "New River"),
        _zips("85020 85021 85022 85023 85024 85027 85028 85029 85032 85050 85051 85053 85054 85083 85085 85086 85087 85331"),
        (Technician(304, "A. Romero", 8, 16), Technician(305, "T. Begay", 8, 18)),
    ),
    ZoneFile(
        43, "Scottsdale and Fountain Hills", PHOENIX, ("Scottsdale", "Paradise Valley", "Fountain Hills", "Rio Verde"),
        _zips("85250 85251 85253 85254 85255 85256 85257 85258 85259 85260 85262 85263 85264 85266 85268"),
        (Technician(306, "K. Novak", 8, 16), Technician(307, "D. Price", 8, 18)),
    ),
    ZoneFile(
        44, "Mesa and Tempe", PHOENIX, ("Mesa", "Tempe", "Apache Junction"),
        _zips("85118 85119 85120 85201 85202 85203 85204 85205 85206 85207 85208 85209 85210 85212 85213 85215 85281 85282 85283 "
            "85284 85288 85290"),
        (Technician(308, "L. Chavez", 8, 16), Technician(309, "S. Amari", 8, 16), Technician(310, "B. Holt", 10, 18)),
    ),
    ZoneFile(
        45, "Chandler and Gilbert", PHOENIX, ("Chandler", "Gilbert", "Queen Creek", "San Tan Valley", "Maricopa"),
        _zips("85138 85139 85140 85142 85143 85144 85224 85225 85226 85227 85233 85234 85240 85242 85243 85248 85249 85286 85295 "
            "85296 85297 85298"),
        (Technician(311, "P. Singh", 8, 16), Technician(312, "C. Walker", 8, 18)),
    ),
    ZoneFile(
        46, "West Valley", PHOENIX, ("Glendale", "Peoria", "Surprise", "Goodyear", "Avondale", "Buckeye", "Sun City"),
        _zips("85301 85302 85303 85304 85305 85306 85307 85308 85310 85322 85323 85326 85335 85337 85338 85340 85342 85345 85351 "
            "85354 85355 85361 85363 85373 85374 85375 85378 85379 85381 85382 85383 85387 85388 85390 85392 85395 85396"),
        (Technician(313, "E. Torres", 8, 16), Technician(314, "G. Kim", 8, 16), Technician(315, "N. Frost", 10, 18)),
    ),
    ZoneFile(
        51, "Tucson", TUCSON, ("Tucson", "Vail", "Marana", "Sahuarita", "Green Valley"),
        _zips("85614 85622 85629 85641 85653 85658 85701 85704 85705 85706 85708 85710 85711 85712 85713 85714 85715 85716 85718 "
            "85719 85730 85735 85736 85737 85739 85741 85742 85743 85745 85746 85747 85748 85749 85750 85755 85756 85757"),
        (Technician(316, "H. Vega", 8, 16), Technician(317, "O. Stone", 8, 18)),
    ),
)  # fmt: skip
ZONE_BY_ID = {zone.id: zone for zone in ZONES}
ZONE_BY_ZIP = {code: zone for zone in ZONES for code in zone.zips}


@dataclass(frozen=True)
class Window:
    """An arrival window on one day."""

    start: datetime
    end: datetime
    from_hour: int
    to_hour: int


def windows_between(start: datetime, end: datetime) -> list[Window]:
    """List the windows that begin and end in this span."""
    first, last = start.astimezone(LOCAL).date(), end.astimezone(LOCAL).date()
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    found = [_window(day, hours) for day in days for hours in WINDOW_HOURS]
    return [window for window in found if start <= window.start and window.end <= end]


def _window(day: date, hours: tuple[int, int]) -> Window:
    start, end = (datetime.combine(day, time(hour), LOCAL) for hour in hours)
    return Window(start, end, *hours)


def on_shift(zone: ZoneFile, window: Window) -> list[Technician]:
    """List who of the crew works through the whole window."""
    return [t for t in zone.crew if t.from_hour <= window.from_hour and window.to_hour <= t.to_hour]
