"""Can a `CENet` stand on this encoder? A short trial, once, when the model is built.

The names of an encoder's parts (`cenet_lib.language.backbone`) promise more than they keep: XLNet's
layers take tokens for utterances, XLM's attention sits in a list as whole layers do, and a model
built on them would learn something else without a word. So the encoder is run on a few words, and
what a `CENet` needs of it is measured. `cenet_lib.model.CENet` does so when it is built.
"""

import copy
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from ..errors import CENetError
from ..progress import quiet_transformers
from .backbone import after_attention, encoder_layers, keep_first_token

ROUNDING = 1e-5  # of the largest state: what float32 may differ by when it adds in another order


class EncoderParts(NamedTuple):
    """What a `CENet` uses of its backbone.

    Attributes
    ----------
    layers : nn.ModuleList
        The Transformer layers, in order. The first argument of each is the states (B, T, d).
    cut : nn.Module or None
        Where the last layer may go on with the first token alone, see `keep_first_token`. ``None``
        if there is no such place.
    takes_embeddings : bool
        Whether word embeddings, given as ``inputs_embeds``, do what their ids do.

    Examples
    --------
    >>> parts = EncoderParts(nn.ModuleList([nn.Identity()]), cut=None, takes_embeddings=True)
    >>> len(parts.layers)
    1
    """

    layers: nn.ModuleList
    cut: nn.Module | None
    takes_embeddings: bool


def probe(backbone: PreTrainedModel) -> EncoderParts:
    """Run an encoder on a few words, and see whether a `CENet` can stand on it.

    What is tried, with three short utterances of which one is padded:

    1. it gives a state of d features per token, ``last_hidden_state`` (B, T, d);
    2. it calls each layer once, in order, and the first argument is the states (B, T, d);
    3. other words change the states of their own utterance, the first token's among them, and of
       no other; padding changes none;
    4. the states in front of a layer are all that it knows: with an utterance's former states put
       back there, its former output is back, and no other utterance's has changed;
    5. whether the last layer may be cut to the first token, and whether word embeddings may be
       given in place of ids. These two are reported; all others are conditions.

    The trial leaves no trace: the weights are read only, modes and random generators stay as they
    are. On the meta device, where `from_pretrained` builds a model before it has weights, nothing
    can be run; there the names of the parts are trusted. A model that was saved has passed the
    trial when it was built.

    Parameters
    ----------
    backbone : PreTrainedModel
        An encoder of words, with weights of any kind, also random ones.

    Raises
    ------
    CENetError
        If one of the conditions does not hold, or the encoder cannot be run on words at all.

    Examples
    --------
    >>> from cenet_lib.language.backbone import load_backbone
    >>> parts = probe(load_backbone("minilm"))
    >>> len(parts.layers), parts.cut is parts.layers[-1].attention.output, parts.takes_embeddings
    (6, True, True)
    """
    layers = encoder_layers(backbone)
    cut = after_attention(layers[-1])
    if any(weight.is_meta for weight in backbone.parameters()):
        return EncoderParts(layers, cut, takes_embeddings=True)
    gpu = [backbone.device] if backbone.device.type == "cuda" else []
    with torch.no_grad(), torch.random.fork_rng(gpu), quiet_transformers():
        try:
            trial = _Trial(backbone)
            trial.check()
        except CENetError:
            raise
        except Exception as error:  # whatever an encoder can raise
            reason = str(error).partition("\n")[0]
            raise CENetError(
                f"{backbone.config.model_type} cannot be run on words alone "
                f"({type(error).__name__}: {reason}); choose another encoder, such as BERT"
            ) from error
        if not trial.may_be_cut():
            cut = None
        return EncoderParts(layers, cut, trial.takes_embeddings())


class _Trial:
    """Three short utterances, and a twin of the encoder that reads them.

    The twin shares the encoder's weights and nothing else, so it may have hooks, change its mode,
    or replace parts of itself as it runs (BigBird does). There are other numbers of utterances than
    of tokens, so that a shape tells which is which.
    """

    n_utterances, n_tokens, n_short = 3, 5, 3

    def __init__(self, backbone: PreTrainedModel):
        weights = {
            id(weight): nn.Parameter(weight.detach().float(), requires_grad=False)
            for weight in backbone.parameters()
        }
        self.encoder = copy.deepcopy(backbone, weights).float().eval()
        self.encoder.set_attn_implementation("eager")  # others may want a GPU and half floats
        self.layers = encoder_layers(self.encoder)
        config = backbone.config
        self.name = config.model_type
        self.shape = (self.n_utterances, self.n_tokens, config.hidden_size)  # B, T, d

        # Special tokens stand at either end of a vocabulary: take words from its middle.
        pad, size = getattr(config, "pad_token_id", None), config.vocab_size
        n = self.n_utterances * self.n_tokens
        ids = (i % size for i in range(size // 2, size // 2 + 2 * n + 2))
        row = torch.tensor([i for i in ids if i != pad][: n + 1], device=backbone.device)
        self.words = row[:-1].view(self.shape[:2]).clone()  # (B, T)
        self.words[2, self.n_short :] = pad or 0
        self.others = self.words.clone()  # (B, T)
        self.others[1, 1:] = row[1:].view(self.shape[:2])[1, 1:]  # each the next in the vocabulary
        self.mask = torch.ones_like(self.words)  # (B, T)
        self.mask[2, self.n_short :] = 0
        self.real = self.mask.bool()

        # All layers are called, but those between the first and the last need not work: they are
        # built like the last, and would be most of the cost.
        self.first_output: Tensor | tuple | None = None
        self.layers[0].register_forward_hook(self._remember)
        for layer in self.layers[1:-1]:
            if type(layer) is type(self.layers[-1]):
                layer.forward = self._pass_on
        self.entered: list[tuple[nn.Module, Tensor]] = []  # by call of a layer
        self.states = self.run(dict.fromkeys(self.layers, self._note), input_ids=self.words)

    def _remember(self, layer: nn.Module, inputs: tuple, output: Tensor | tuple) -> None:
        self.first_output = output

    def _pass_on(self, states: Tensor, *args, **kwargs) -> Tensor | tuple:
        """Answer as layers do, with the states as they are."""
        if self.first_output is None:
            raise self.not_called()
        if isinstance(self.first_output, Tensor):
            return states
        return (states, *self.first_output[1:])

    def _note(self, layer: nn.Module, inputs: tuple) -> None:
        if not inputs or not isinstance(inputs[0], Tensor):
            raise self.refusal("does not give its layers the states as first argument")
        if inputs[0].shape != self.shape:
            raise self.refusal(
                f"gives its layers {tuple(inputs[0].shape)} as first argument, where CENet needs "
                f"(utterances, tokens, features), here {self.shape}"
            )
        self.entered.append((layer, inputs[0].clone()))

    def check(self) -> None:
        """Raise a `CENetError` unless a `CENet` can stand on the encoder."""
        if self.states.shape != self.shape:
            given = tuple(self.states.shape)
            raise self.refusal(f"gives states of shape {given} instead of {self.shape}")
        if not self.states[self.real].isfinite().all():
            raise self.refusal("gives states that are not finite")
        if [layer for layer, _ in self.entered] != list(self.layers):
            raise self.not_called()

        heard = self.run(input_ids=self.others)
        bystanders = self.real.clone()
        bystanders[1] = False
        if not self.same(heard[bystanders], self.states[bystanders]):
            raise self.refusal("lets the utterances of a batch change one another")
        if self.same(heard[1, 0], self.states[1, 0]):
            raise self.refusal(
                "does not let its first token, which CENet's head reads, hear the others"
            )
        short = (slice(2, 3), slice(self.n_short))  # the last utterance without its padding
        alone = self.run(mask=self.mask[short], input_ids=self.words[short])
        if not self.same(alone, self.states[short]):
            raise self.refusal(
                "hears padding, so what it makes of an utterance depends on the batch around it"
            )
        last, formerly = self.entered[-1]

        def put_back(layer: nn.Module, inputs: tuple) -> tuple:
            states = inputs[0].clone()  # (B, T, d)
            states[1] = formerly[1]
            return (states, *inputs[1:])

        restored = self.run({last: put_back}, input_ids=self.others)
        if not self.same(restored[self.real], self.states[self.real]):
            raise self.refusal(
                "leads words past the inputs of its layers, so 'before layer i' has no place there"
            )

    def may_be_cut(self) -> bool:
        """Tell whether the first token's state stays when the last layer drops the others."""
        place = after_attention(self.layers[-1])
        if place is None:
            return False
        try:
            cut = self.run({place: keep_first_token}, input_ids=self.words)  # (B, 1, d)
        except Exception:  # whatever an encoder can raise
            return False
        return self.same(cut[:, 0], self.states[:, 0])

    def takes_embeddings(self) -> bool:
        """Tell whether word embeddings do what their ids do."""
        try:
            embeddings = self.encoder.get_input_embeddings()(self.words)  # (B, T, width)
            states = self.run(inputs_embeds=embeddings)
        except Exception:  # whatever an encoder can raise
            return False
        return self.same(states[self.real], self.states[self.real])

    def run(
        self,
        before: Mapping[nn.Module, Callable] = {},
        mask: Tensor | None = None,
        **tokens: Tensor,
    ) -> Tensor:
        """Return the last states (B, T, d), with hooks before some of the encoder's modules."""
        hooks = [module.register_forward_pre_hook(hook) for module, hook in before.items()]
        try:
            mask = self.mask if mask is None else mask
            return self.encoder(**tokens, attention_mask=mask).last_hidden_state
        finally:
            for hook in hooks:
                hook.remove()

    def same(self, states: Tensor, expected: Tensor) -> bool:
        """Compare states, to rounding."""
        largest = self.states[self.real].abs().max()
        return bool((states - expected).abs().max() <= ROUNDING * largest)

    def not_called(self) -> CENetError:
        """Return the error for layers that no hook can get in front of, or not once each."""
        return self.refusal(
            "does not call its layers once each, so 'before layer i' has no place there"
        )

    def refusal(self, reason: str) -> CENetError:
        """Return the error that refuses the encoder by its name."""
        return CENetError(f"{self.name} {reason}; choose another encoder, such as BERT")
