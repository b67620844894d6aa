"""What a version was played under."""

from pathlib import Path

import yaml

from ledgerline.evaluation.reevaluate import read_conditions


def test_the_judge_that_paid_a_version_is_among_its_conditions(tmp_path: Path) -> None:
    params = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())
    judge = {"name": "completion", "model": "claude", "max_tokens": 300, "instructions": "Judge."}
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(params | {"judge": judge}))
    kept = read_conditions(path).judge
    assert kept is not None
    assert kept.model_dump() == judge
    path.write_text(yaml.safe_dump({name: params[name] for name in params if name != "judge"}))
    assert read_conditions(path).judge is None
