"""Trains networks side by side in one process: after each batch all of them do a step at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.networks import LWMISN, Genotype
from monai_lwmisn.networks.weights import save_atomically
from tools.many_networks.augment import Sampler, options_of
from tools.many_networks.batches import Batches
from tools.many_networks.cache import read_cache
from tools.many_networks.loss import dice_ce
from tools.many_networks.plan import Entry
from tools.many_networks.score import score
from tools.many_networks.store import Store
from tools.many_networks.trainer import Trainer

MOST_STREAMS = 24
"""A GPU has 32 queues at most, and streams that share one wait for each other."""

INITIAL_SEED = 1000
"""Added to the seed of an entry, for its initial weights."""

BATCH_SEED = 77
"""Of the batches of all networks."""


class SideBySide:
    """Some networks of a plan with their batches.

    Networks that learn from the same cases with the same augmentation get the same batches.

    Args:
        entries: the networks.
        caches: the folder of the caches and soft labels.
        device: where they are trained.

    Attributes:
        trainers: by name of an entry.

    Raises:
        ConfigError, DataError, GenotypeError: an entry does not fit, or one of its files cannot be read.
    """

    def __init__(self, entries: Sequence[Entry], caches: Path, device: torch.device) -> None:
        self._caches, self._device = caches, device
        self._stores: dict[tuple, Store] = {}
        self._batches: dict[str, Batches] = {}
        self._genotypes: dict[str, Genotype] = {}
        count = min(len(entries), MOST_STREAMS) if device.type == "cuda" else 0
        self._streams = [torch.cuda.Stream() for _ in range(count)]
        self.trainers: dict[str, Trainer] = {}
        for number, entry in enumerate(entries):
            self._add(entry, self._streams[number % count] if count else None)
        torch.manual_seed(BATCH_SEED)

    def step(self) -> None:
        """Do a step of each network."""
        if not self._streams:
            for batches in self._batches.values():
                batches.draw()
                batches.go_on()
            for trainer in self.trainers.values():
                trainer.step()
            return
        here = torch.cuda.current_stream()
        for batches in self._batches.values():
            batches.go_on()
        ready = here.record_event()
        for trainer in self.trainers.values():
            trainer.stream.wait_event(ready)
            trainer.step()
        for batches in self._batches.values():  # while the networks learn
            batches.draw()
        for stream in self._streams:
            here.wait_stream(stream)

    def save_genotypes(self, out: Path) -> None:
        """Write the genotype of each network as NAME_genotype.json."""
        for name, genotype in self._genotypes.items():
            genotype.save(out / f"{name}_genotype.json")

    def save_weights(self, out: Path) -> None:
        """Write the averaged weights of each network as NAME.pt."""
        if self._streams:
            torch.cuda.synchronize()
        for name, trainer in self.trainers.items():
            # Copied, because the weights are parts of one tensor, which would be written whole.
            state = {key: value.to("cpu", copy=True) for key, value in trainer.average.state_dict().items()}
            save_atomically(state, out / f"{name}.pt")

    def scores(self, entry: Entry) -> dict[str, Any]:
        """Return the scores of a network by what it has not learned from: ``chunk`` and ``validation``."""
        store = self._store(entry, self._genotypes[entry.name].architecture.slices)
        held: dict[str, list[str]] = {"chunk": [], "validation": []}
        for name, case in store.cases.items():
            if case.part == "training" and case.chunk == entry.without_chunk:
                held["chunk"].append(name)
            elif case.part == "validation" and "validation" not in entry.parts:
                held["validation"].append(name)
        average = self.trainers[entry.name].average
        return {part: score(average, store, names) for part, names in held.items() if names}

    def _add(self, entry: Entry, stream: torch.cuda.Stream | None) -> None:
        genotype = Genotype.load(entry.genotype)
        slices = genotype.architecture.slices
        store = self._store(entry, slices)
        cache = store.cache
        genotype = genotype.for_images(cache.in_channels, cache.out_channels, cache.volumetric)
        options, names = options_of(entry.augmentation), learned_from(entry, store)
        key = repr((entry.cache, slices, entry.soft_labels, names, options, entry.batch, entry.crop, entry.seed))
        if key not in self._batches:
            self._batches[key] = Batches(Sampler(store, names, entry.batch, entry.crop, options))
        torch.manual_seed(INITIAL_SEED + entry.seed)
        network = LWMISN(genotype).to(self._device)
        loss = partial(dice_ce, share=entry.soft_share, per_image=not cache.volumetric)
        self.trainers[entry.name] = Trainer(network, self._batches[key], loss, entry.learning_rate, stream)
        self._genotypes[entry.name] = genotype

    def _store(self, entry: Entry, slices: int) -> Store:
        key = (entry.cache, slices, entry.soft_labels)
        if key not in self._stores:
            store = Store(read_cache(self._caches / f"{entry.cache}.npz"), slices, self._device)
            if entry.soft_labels is not None:
                store.read_soft_labels(self._caches / f"{entry.soft_labels}.npz")
            self._stores[key] = store
        return self._stores[key]


def learned_from(entry: Entry, store: Store) -> list[str]:
    """Return the names of the cases that a network learns from.

    Raises:
        ConfigError: the cache does not have one of the parts, or not the chunk that is left out.
    """
    cases = store.cases.items()
    missing = sorted(set(entry.parts) - {case.part for _, case in cases})
    if missing:
        raise ConfigError(
            f"The cache {entry.cache} has no part {missing[0]!r}, which {entry.name} learns from: "
            "prepare it with --parts."
        )
    if entry.without_chunk is not None and not any(case.chunk == entry.without_chunk for _, case in cases):
        raise ConfigError(
            f"The cache {entry.cache} has no chunk {entry.without_chunk}, which {entry.name} leaves out: "
            "prepare it with --chunks."
        )
    left_out = ("training", entry.without_chunk)
    return [name for name, case in cases if case.part in entry.parts and (case.part, case.chunk) != left_out]
