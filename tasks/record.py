"""The record of a whole run in MLflow: `python -m tasks.record` prints the id of its run there.

The run holds dvc.lock, which says what every output was made from, and params.yaml; its tags
lead to the commit and to the Prefect run.
"""

from tasks.lineage import LOCK, lineage
from tasks.params import Params
from tasks.stage import PARAMS, run_stage
from tasks.tracking import stage_run


def main(params: Params) -> None:
    """Keep dvc.lock and params.yaml in a run of their own, and print its id."""
    with stage_run("pipeline", params) as run:
        for path in (LOCK, PARAMS):
            if path.is_file():
                run.attach(path)
        run.tag(lineage([]))
        print(run.run_id)


if __name__ == "__main__":
    run_stage("record", Params, main)
