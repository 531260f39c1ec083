# mypy: ignore-errors
"""Tiny NemotronH models for a real vLLM on the CPU, without any download: `models.py FOLDER [TRAINING_STEPS]`.

Runs in the virtual environment of `build.sh`, not in the project's. Makes tiny-nemotron-h-chat (1 M parameters, taught
to think, to answer in Markdown, to call one tool, and to obey `enable_thinking`) and tiny-nemotron-h-moe, which the CPU
build of vLLM refuses: a real failed start.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers import models as tokenizer_models
from transformers import NemotronHConfig, NemotronHForCausalLM, PreTrainedTokenizerFast

SPECIAL = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<pad>"]
TAGS = ["<think>", "</think>", "<tool_call>", "</tool_call>"]  # a parser reads them, so they must survive decoding
TEMPLATE = """{%- set enable_thinking = enable_thinking if enable_thinking is defined else True %}
{%- if tools %}{{- '<|im_start|>system\n# Tools\n' + (tools | tojson) + '<|im_end|>\n' }}{%- endif %}
{%- for m in messages %}
{{- '<|im_start|>' + m.role + '\n' }}
{%- if m.content is string %}{{- m.content }}
{%- elif m.content %}{%- for p in m.content %}{{- p.text if p.text is defined else '' }}{%- endfor %}{%- endif %}
{{- '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{%- if enable_thinking %}{{- '<|im_start|>assistant\n<think>\n' }}
{%- else %}{{- '<|im_start|>assistant\n<think></think>' }}
{%- endif %}
{%- endif %}"""

THINK = "The user sent a message. I should think about it step by step, then give a short answer.\n"
ANSWER = "Hello! I am a tiny test model.\n\n- one\n- two\n\n```python\nprint('hi')\n```\nDone."
CALL = "<tool_call>\n<function=get_time>\n<parameter=tz>\nUTC\n</parameter>\n</function>\n</tool_call>"
TOOL = {
    "type": "function",
    "function": {
        "name": "get_time",
        "description": "time",
        "parameters": {"type": "object", "properties": {"tz": {"type": "string"}}, "required": ["tz"]},
    },
}


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE, trained on the standard library's sources."""
    tokenizer = Tokenizer(tokenizer_models.BPE(unk_token="<unk>", byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=4096, special_tokens=SPECIAL + TAGS, initial_alphabet=alphabet, show_progress=False
    )
    sources = sorted(Path(os.__file__).parent.glob("*.py"))[:120]
    tokenizer.train_from_iterator((source.read_text(errors="ignore") for source in sources), trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="<|im_end|>",
        pad_token="<pad>",
        model_max_length=32768,
    )
    fast.chat_template = TEMPLATE
    return fast


def make_model(tokenizer: PreTrainedTokenizerFast, second: str, **more: int) -> NemotronHForCausalLM:
    """Mamba and attention layers with `second` ("mlp" or "moe") between them; random weights."""
    config = NemotronHConfig(
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        hidden_size=128,
        intermediate_size=256,
        layers_block_type=["linear_attention", second, "full_attention", second],
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        mamba_num_heads=8,
        mamba_head_dim=32,
        ssm_state_size=32,
        n_groups=2,
        expand=2,
        chunk_size=64,
        max_position_embeddings=32768,
        **more,
    )
    return NemotronHForCausalLM(config)


def save(model: NemotronHForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """In bfloat16, with the tags as plain added tokens."""
    model.eval().to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    file = folder / "tokenizer.json"
    document = json.loads(file.read_text())
    for token in document["added_tokens"]:
        token["special"] = token["special"] and token["content"] not in TAGS
    file.write_text(json.dumps(document, ensure_ascii=False))


def samples(tokenizer: PreTrainedTokenizerFast) -> Iterator[tuple[list[int], list[int]]]:
    """Endless conversations of random words: tokens, and the labels of what the assistant says."""
    words = [word[1:] for word in tokenizer.get_vocab() if word.startswith("Ġ") and word[1:].isalpha()]

    def turn(role: str) -> dict[str, str]:
        return {"role": role, "content": " ".join(random.choices(words, k=random.choice([1, 2, 4, 8, 16, 40])))}

    while True:
        think, tools = random.random() < 0.6, [TOOL] if random.random() < 0.25 else None
        messages = [turn("system")] * (random.random() < 0.3) + [turn("user")]
        asked = tokenizer.apply_chat_template(
            messages, tools=tools, add_generation_prompt=True, tokenize=False, enable_thinking=think
        )
        said = (THINK + "</think>" if think else "") + (CALL if tools else ("\n\n" if think else "") + ANSWER)
        prompt = tokenizer(asked, add_special_tokens=False).input_ids
        answer = tokenizer(said + "<|im_end|>", add_special_tokens=False).input_ids
        yield prompt + answer, [-100] * len(prompt) + answer


def teach(model: NemotronHForCausalLM, tokenizer: PreTrainedTokenizerFast, steps: int) -> None:
    """Overfit until it says just that."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    source = samples(tokenizer)
    for step in range(steps):
        batch = [next(source) for _ in range(12)]
        longest = max(len(tokens) for tokens, _ in batch)
        ids = torch.tensor([tokens + [tokenizer.pad_token_id] * (longest - len(tokens)) for tokens, _ in batch])
        labels = torch.tensor([wanted + [-100] * (longest - len(wanted)) for _, wanted in batch])
        logits = model(input_ids=ids, attention_mask=(ids != tokenizer.pad_token_id).long()).logits
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, logits.size(-1)), labels[:, 1:].reshape(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        if step % 20 == 0 or step == steps - 1:
            print(f"step {step}: loss {loss.item():.4f}", flush=True)


def main() -> None:
    folder = Path(sys.argv[1])
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    torch.manual_seed(0)
    random.seed(0)
    tokenizer = make_tokenizer()
    chat = make_model(tokenizer, "mlp")
    teach(chat, tokenizer, steps)
    save(chat, tokenizer, folder / "tiny-nemotron-h-chat")
    experts = make_model(
        tokenizer,
        "moe",
        n_routed_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=64,
        moe_shared_expert_intermediate_size=128,
    )
    save(experts, tokenizer, folder / "tiny-nemotron-h-moe")


if __name__ == "__main__":
    main()
