"""A tiny policy with random weights, and interactions that need no environment."""

from dataclasses import dataclass, field

import pytest
import torch
from transformers import PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

END = 3


@dataclass
class Replies:
    """An interaction that answers its turns with fixed replies, then ends."""

    tokens: list[int]
    replies: list[list[int]]
    budget: int = 12
    over: bool = False
    turns: list[list[int]] = field(default_factory=list)
    logprobs: list[list[float]] = field(default_factory=list)

    @property
    def turn_budget(self) -> int:
        return self.budget

    def advance(self, tokens, logprobs):
        self.turns.append(list(tokens))
        self.logprobs.append(list(logprobs))
        self.tokens = [*self.tokens, *tokens]
        if not tokens or len(self.turns) > len(self.replies):
            self.over = True
            return []
        reply = self.replies[len(self.turns) - 1]
        self.tokens = [*self.tokens, *reply]
        return reply


@pytest.fixture(scope="session")
def tiny_model() -> PreTrainedModel:
    torch.manual_seed(7)
    config = Qwen2Config(
        vocab_size=61,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        eos_token_id=END,
        pad_token_id=0,
    )
    model = Qwen2ForCausalLM(config)
    for parameter in model.parameters():  # larger than the default, so that argmax is clear
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()
