"""Does it pay to compute no padding at all, where batches are of similar length already?

    python tests/benchmarks/bench_packing.py [rounds] [threads] [--large]

A batch of B texts is padded to its longest, T pieces. *Packed*, only the n real pieces are
computed: as one row (n, d) through every linear map, norm and activation, and padded to (B, T, d)
for the attention alone, whose product needs it. Both ways give the same states, which the script
checks before it measures; a step is the encoder forward and backward, without dropout.

The shape is MiniLM's with batches of 32, as the demo corpus is trained, or with ``--large``
RoBERTa-base's with batches of 64; weights are random, texts of MOSI-like length (`bench_step.py`)
in batches of similar length. The ways take turns batch by batch.
"""

import argparse
import statistics
import time

import numpy as np
import torch
from bench_step import batches, epoch, machine
from torch import Tensor, nn
from transformers import BertConfig, BertModel

MINILM = {"hidden_size": 384, "num_hidden_layers": 6, "intermediate_size": 1536}


def padded(model: BertModel, batch: dict[str, Tensor]) -> Tensor:
    """Return the last states (n, d) of all real pieces, computed with padding."""
    mask = batch["attention_mask"]
    states = model(input_ids=batch["input_ids"], attention_mask=mask).last_hidden_state
    return states[mask.bool()]  # (n, d)


def packed(model: BertModel, batch: dict[str, Tensor]) -> Tensor:
    """Return the same, with padding in the attention only."""
    mask = batch["attention_mask"].bool()  # (B, T)
    places = torch.arange(mask.shape[1]).expand_as(mask)[mask]  # (n,)
    embeddings = model.embeddings
    x = (
        embeddings.word_embeddings(batch["input_ids"][mask])
        + embeddings.token_type_embeddings.weight[0]
    )
    x = embeddings.LayerNorm(x + embeddings.position_embeddings(places))  # (n, d)
    rows = mask.flatten().nonzero().squeeze(1)  # (n,), where each piece stands in B · T
    for layer in model.encoder.layer:
        x = layer.attention.output(attend(layer.attention.self, x, mask, rows), x)  # (n, d)
        x = layer.output(layer.intermediate(x), x)  # (n, d)
    return x


def attend(attention: nn.Module, x: Tensor, mask: Tensor, rows: Tensor) -> Tensor:
    """Return what the pieces (n, d) take from the others of their text."""
    (n_texts, longest), heads = mask.shape, attention.num_attention_heads

    def spread(linear: nn.Linear) -> Tensor:
        whole = x.new_zeros(n_texts * longest, x.shape[1]).index_copy(0, rows, linear(x))
        return whole.view(n_texts, longest, heads, -1).transpose(1, 2)  # (B, h, T, d/h)

    query, key, value = spread(attention.query), spread(attention.key), spread(attention.value)
    seen = mask[:, None, None, :]  # (B, 1, 1, T)
    taken = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
    return taken.transpose(1, 2).reshape(n_texts * longest, -1)[rows]  # (n, d)


def step(way, model: BertModel, batch: dict[str, Tensor]) -> float:
    """Return the seconds of one step."""
    began = time.perf_counter()
    way(model, batch).square().mean().backward()
    model.zero_grad()
    return time.perf_counter() - began


def main(rounds: int, threads: int, large: bool) -> None:
    """Measure both ways in turns, and print a table."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    shape = {} if large else MINILM
    model = BertModel(BertConfig(vocab_size=50_265, **shape), add_pooling_layer=False).eval()
    given = batches(epoch(), "grouped", 64 if large else 32)
    pieces = sum(int(b["attention_mask"].sum()) for b in given)
    places = sum(b["attention_mask"].numel() for b in given)
    with torch.no_grad():
        apart = max(float((padded(model, b) - packed(model, b)).abs().max()) for b in given)
    print(f"{machine()}; {threads} threads; {rounds} rounds; d = {model.config.hidden_size}")
    print(f"padding: {1 - pieces / places:.1%} of the places; states differ by {apart:.0e} at most")
    times = np.zeros((2, rounds + 1, len(given)))
    for r in range(rounds + 1):
        for i, batch in enumerate(given):
            for w, way in enumerate((padded, packed)):
                times[w, r, i] = step(way, model, batch)
    whole = times[:, 1:].sum(2)  # the first round warms up
    ratios = whole[0] / whole[1]
    print("\n| way | ms per step |\n|---|---|")
    for name, row in zip(("padded", "packed"), times[:, 1:], strict=True):
        print(f"| {name} | {1e3 * statistics.median(row.mean(1)):.0f} |")
    spread = f"{ratios.min():.2f} to {ratios.max():.2f}"
    print(f"packed is {np.median(ratios):.2f} times as fast ({spread})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Padding against packing.")
    parser.add_argument("rounds", type=int, nargs="?", default=7)
    parser.add_argument("threads", type=int, nargs="?", default=2)
    parser.add_argument("--large", action="store_true", help="RoBERTa-base's shape")
    given_options = parser.parse_args()
    main(given_options.rounds, given_options.threads, given_options.large)
