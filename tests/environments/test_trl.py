"""The filings environment runs in TRL's trainer as it is: TRL calls its tools and trains on it."""

import json
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM, set_seed
from trl import GRPOConfig, GRPOTrainer
from trl.chat_template_utils import qwen2_5_chat_template

from ledgerline.environments.calls import write_call
from ledgerline.environments.environment import tool_schemas
from ledgerline.environments.filings import FilingsEnvironment, episode_fields
from ledgerline.examples.synthesize import synthesize
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from ledgerline.policy.scratch import ScratchModel, build_model, train_tokenizer
from tests.examples.corpora import settings_with, write_store

TURNS = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")


def qwen_tokenizer(corpus: list[str], environment: FilingsEnvironment) -> PreTrainedTokenizerFast:
    """A small tokenizer with Qwen's turn markers and chat template, which TRL knows."""
    schemas = tool_schemas(environment)
    # The constant head of every prompt is long; tokens that know it keep the test quick.
    constant = [environment.instructions, json.dumps(schemas), qwen2_5_chat_template] * 5
    tokenizer = train_tokenizer([*corpus, *constant], schemas, vocabulary=1500, pieces=400)
    tokenizer.add_special_tokens({"additional_special_tokens": list(TURNS)})
    tokenizer.chat_template = qwen2_5_chat_template
    tokenizer.eos_token = "<|im_end|>"
    return tokenizer


def taught(model: Qwen2ForCausalLM, tokens: list[int], learnt: list[bool]) -> None:
    """Train on one dialogue until the model repeats the turns marked `learnt`."""
    batch = torch.tensor([tokens])
    labels = torch.where(torch.tensor([learnt]), batch, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(300):
        loss = model(input_ids=batch, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if loss < 0.005:  # of sixty tokens none must be sampled otherwise
            return
    pytest.fail(f"the tiny model has not learnt its dialogue (loss {loss:.2f})")


@pytest.mark.slow
def test_trl_trains_two_steps_with_the_tools_of_the_environment(tmp_path: Path) -> None:
    write_store(tmp_path / "facts.sqlite", 5)
    set_seed(0)
    with Store.open(tmp_path / "facts.sqlite", read_only=True) as store:
        search = Search(store)
        counts = {"train": 4, "validation": 0, "test": 0}
        corpus = synthesize(
            store.companies(), search, settings_with(counts=counts, kinds={"annual": 1.0})
        )
        example = corpus.train[0]
        (lookup,) = example.calls
        environment = FilingsEnvironment(search)
        call = write_call(
            "search",
            {"company": lookup.company, "metric": lookup.metric, "period": lookup.period},
        )
        tokenizer = qwen_tokenizer([e.prompt for e in corpus.train] + [call], environment)
        prompt = [
            {"role": "system", "content": FilingsEnvironment.instructions},
            {"role": "user", "content": ""},
        ]
        asked = [prompt[0], {"role": "user", "content": example.prompt}]
        # TRL shows the tools in the alphabet's order.
        tools = [environment.return_answer, environment.search]
        head = tokenizer.apply_chat_template(
            asked, tools=tools, add_generation_prompt=True, tokenize=False
        )
        start = tokenizer.encode(head, add_special_tokens=False)
        turn = tokenizer.encode(f"{call}<|im_end|>", add_special_tokens=False)
        shape = ScratchModel(
            vocabulary=len(tokenizer), pieces=300, width=64, layers=2, heads=2, key_value_heads=1,
            feed_forward=96, context=4096, copying=False, likeness=0.0,
        )  # fmt: skip
        model = build_model(shape, tokenizer, seed=1)
        taught(model, start + turn, [False] * len(start) + [True] * len(turn))
        before = model.model.layers[0].mlp.up_proj.weight.detach().clone()
        replies: list[str] = []

        def found(environments: list[FilingsEnvironment], **_: object) -> list[float]:
            replies.extend(str(e.evidence[0]["text"]) for e in environments if e.evidence)
            return [float(position % 2) for position in range(len(environments))]

        trainer = GRPOTrainer(
            model=model,
            processing_class=tokenizer,
            reward_funcs=found,
            environment_factory=lambda: FilingsEnvironment(search),
            train_dataset=Dataset.from_list(
                [
                    {
                        "prompt": prompt,
                        **episode_fields(example),
                        "document_date": example.document_date.isoformat(),
                    }
                ]
                * 4
            ),
            args=GRPOConfig(
                output_dir=str(tmp_path / "trl"),
                max_steps=2,
                per_device_train_batch_size=2,
                num_generations=2,
                max_completion_length=160,
                max_tool_calling_iterations=1,
                learning_rate=1e-3,
                temperature=0.7,
                use_cpu=True,
                bf16=False,
                gradient_checkpointing=False,
                report_to="none",
                save_strategy="no",
                logging_steps=1,
                disable_tqdm=True,
            ),
        )
        trainer.train()
    assert trainer.state.global_step == 2
    assert example.completion in replies
    calls = [log["tools/call_frequency"] for log in trainer.state.log_history if "loss" in log]
    assert calls
    assert max(calls) > 0
    assert not torch.equal(before, model.model.layers[0].mlp.up_proj.weight)
