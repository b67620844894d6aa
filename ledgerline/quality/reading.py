"""The columns that the detectors need, read from a store in bounded memory."""

from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import Connection, Engine, text

_CHUNK = 20_000
_MISSING = np.iinfo(np.int32).min
_COLUMNS = ("id", "filing_id", "concept_id", "unit", "start", "end", "approx")


def read_facts(engine: Engine) -> pd.DataFrame:
    """Every fact of a store as `Store.frame()` gives it, less the exact values.

    Exact values stay in the store until somebody must see them: two million texts would take
    more memory than everything else together.
    """
    with engine.connect() as connection:
        filings = _table(connection, "filing", ("id", "cik", "accession", "form", "filed"))
        concepts = _table(connection, "concept", ("id", "taxonomy", "tag"))
        units: dict[str, int] = {}
        days: dict[Any, int] = {None: _MISSING}
        # The driver's own cursor: SQLAlchemy's rows would take longer than the reading.
        cursor = connection.connection.cursor()
        cursor.execute('SELECT id, filing_id, concept_id, unit, start, "end", approx FROM fact')
        chunks = []
        while rows := cursor.fetchmany(_CHUNK):
            chunks.append(_numbers(list(zip(*rows, strict=True)), units, days))
        cursor.close()
    if not chunks:
        chunks = [_numbers([()] * len(_COLUMNS), units, days)]
    fact_id, filing, concept, unit, start, end, value = (
        np.concatenate(column) for column in zip(*chunks, strict=True)
    )
    filings["filed"] = pd.to_datetime(filings["filed"])
    of_filing, of_concept = filings.loc[filing], concepts.loc[concept]
    return pd.DataFrame(
        {
            "fact_id": fact_id,
            "cik": of_filing["cik"].to_numpy(np.int64),
            "accession": of_filing["accession"].array,
            "form": of_filing["form"].array,
            "filed": of_filing["filed"].array,
            "taxonomy": of_concept["taxonomy"].array,
            "tag": of_concept["tag"].array,
            "unit": pd.Categorical.from_codes(
                unit.astype(np.int32), categories=pd.Index(list(units))
            ),
            "start": _timestamps(start),
            "end": _timestamps(end),
            "value": value,
        }
    )


def _table(connection: Connection, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
    rows = connection.execute(text(f"SELECT {', '.join(columns)} FROM {name}")).all()  # noqa: S608
    frame = pd.DataFrame(rows, columns=list(columns)).set_index("id")
    for column in set(columns) & {"accession", "form", "taxonomy", "tag"}:
        frame[column] = frame[column].astype("category")
    return frame


def _numbers(
    columns: list[Any], units: dict[str, int], days: dict[Any, int]
) -> tuple[npt.NDArray[Any], ...]:
    """One chunk as arrays; units and dates as codes, since few distinct ones stand in many rows."""
    fact_id, filing, concept, unit, start, end, value = columns
    for name in set(unit) - units.keys():
        units[name] = len(units)
    for day in (set(start) | set(end)) - days.keys():
        parsed = day if isinstance(day, date) else date.fromisoformat(day)
        days[day] = parsed.toordinal() - date(1970, 1, 1).toordinal()
    return (
        np.array(fact_id, np.int64),
        np.array(filing, np.int64),
        np.array(concept, np.int64),
        np.array([units[name] for name in unit], np.int32),
        np.array([days[day] for day in start], np.int32),
        np.array([days[day] for day in end], np.int32),
        np.array(value, np.float64),
    )


def _timestamps(days: npt.NDArray[np.int32]) -> npt.NDArray[np.datetime64]:
    dates = days.astype("datetime64[D]").astype("datetime64[s]")
    dates[days == _MISSING] = np.datetime64("NaT")
    return dates
