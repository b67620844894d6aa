"""Small companyfacts files and data sets, and their ingest."""

import json
import zipfile
from pathlib import Path

from ledgerline.filings.ingest import Ingested, IngestSettings, ingest


def companyfacts(cik: int | str, **changes: object) -> bytes:
    row: dict[str, object] = {
        "start": "2023-01-01",
        "end": "2023-12-31",
        "val": 1000,
        "accn": f"{cik}-24-1",
        "fy": None,
        "fp": None,
        "form": "10-K",
        "filed": "2024-02-01",
    }
    described = {"label": None, "description": None, "units": {"USD": [row | changes]}}
    document = {
        "cik": cik,
        "entityName": f"Company {cik}",
        "facts": {"us-gaap": {"Revenues": described}},
    }
    return json.dumps(document).encode()


def ingested(folder: Path, on_bad_file: str, store: Path) -> Ingested:
    source = {"kind": "files", "folder": folder}
    settings = IngestSettings.model_validate({"sources": [source], "on_bad_file": on_bad_file})
    return ingest(settings, store)


def data_set(path: Path, leave_out: str = "", **tables: str) -> None:
    contents = {
        "sub": "adsh\tcik\tname\tsic\tformer\tfye\tform\tperiod\tfiled\tprevrpt\n"
        "a-1\t7\tACME HOLDINGS INC /DE/\t3711\tOLD ACME\t1231\t10-K\t20231231\t20240201\t0\n"
        "a-2\t8\tGRID CORP\t4911\t\t0930\t10-K\t20230930\t20231110\t1\n",
        "num": "adsh\ttag\tversion\tddate\tqtrs\tuom\tsegments\tcoreg\tvalue\tfootnote\n"
        "a-1\tRevenues\tus-gaap/2023\t20231231\t4\tUSD\t\t\t1234567.8900\t\n"
        "a-1\tRevenues\tus-gaap/2023\t20231231\t4\tUSD\tSegments=East;\t\t5\t\n"
        "a-1\tAssets\tus-gaap/2023\t20231231\t0\tUSD\t\t\t100.0000\t\n"
        "a-1\tAssets\tus-gaap/2023\t20231231\t0\tUSD\t\tParentCompany\t60\t\n"
        "a-1\tEarningsPerShareDiluted\tus-gaap/2023\t20230930\t1\tUSD\t\t\t-0.5000\t\n"
        "a-1\tOurMetric\ta-1\t20231231\t0\tpure\t\t\t0.5\t\n"
        "a-1\tAssets\tus-gaap/2023\t2023\t0\tUSD\t\t\t100\t\n"
        "a-1\tAssets\tus-gaap/2023\t20221231\t0\tUSD\t\t\t\t\n"
        "a-9\tAssets\tus-gaap/2023\t20231231\t0\tUSD\t\t\t1\t\n"
        "a-2\tAssets\tus-gaap/2023\t20230930\t0\tUSD\tLegalEntity=ParentCompany;\tParentCompany\t900\t\n"
        "a-2\tAssets\tus-gaap/2023\t20230930\t0\tUSD\tLegalEntity=SubCo;\tSubCo\t300\t\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (contents | tables).items():
            if name != leave_out:
                archive.writestr(f"{name}.txt", content)
