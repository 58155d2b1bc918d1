"""Goes from a folder of images and labels to a verified bundle and a report, and resumes where it was interrupted.

The state of each stage is its files in OUT: ``fingerprint.json``, ``plan.json``, ``estimate.json``, ``decisions.json``
and ``preset.json``, then the run folders, ``bundle/``, ``result.json`` and ``report.html``.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_lwmisn.auto.baseline import otsu_dice
from monai_lwmisn.auto.basic_unet import train_basic_unet
from monai_lwmisn.auto.decisions import Decision, Wishes, preset_of, to_dicts
from monai_lwmisn.auto.ensemble import evaluate_ensemble
from monai_lwmisn.auto.estimate import duration, estimate, measure_pace
from monai_lwmisn.auto.fingerprint import Fingerprint, take_fingerprint
from monai_lwmisn.auto.label_curve import FEWEST, SHARES, cases_of, train_on_share
from monai_lwmisn.auto.other_data import check_other_data
from monai_lwmisn.auto.page import decisions_text, summary
from monai_lwmisn.auto.plan import Plan, make_plan, paced, planned
from monai_lwmisn.auto.preset_file import write_preset
from monai_lwmisn.auto.report import write_report
from monai_lwmisn.auto.rules import LEAST_EPOCHS, decide
from monai_lwmisn.auto.scores import objects_words, scores
from monai_lwmisn.auto.shipped import Start, shipped_bundles, start_name
from monai_lwmisn.bundle.card import Owner
from monai_lwmisn.bundle.verify import raise_for_failures, verify
from monai_lwmisn.bundle.write import write_bundle
from monai_lwmisn.data.datasets import recognise_dataset
from monai_lwmisn.engines.history import read_history
from monai_lwmisn.errors import ConfigError, counted
from monai_lwmisn.files import parse_json, read_json, sha256_of, write_atomically, write_json
from monai_lwmisn.locks import is_empty, only_writer
from monai_lwmisn.rollback import find_state
from monai_lwmisn.run import evaluate, evaluation_folder, search, train
from monai_lwmisn.training.epochs_done import read_epochs_done

PathLike = str | os.PathLike[str]
Say = Callable[[str], None]


def auto(
    data: PathLike,
    out: PathLike,
    wishes: Wishes | None = None,
    *,
    test: PathLike | None = None,
    owner: Owner | None = None,
    say: Say = print,
) -> dict[str, Any]:
    """Learn to segment from images and labels; go on where an earlier call with the same arguments was interrupted.

    Args:
        data: see :func:`~monai_lwmisn.auto.fingerprint.take_fingerprint`.
        out: the folder to make.
        wishes: what is asked for.
        test: other images with labels, to measure on.
        owner: what the model card says of the bundle; it may change from call to call.
        say: is told what happens, a few sentences at a time.

    Returns:
        The content of ``result.json``.

    Raises:
        ConfigError: ``out`` holds something else, or was begun with other data or wishes.
        DataError: the data have a problem; it is found before any training.
        LWMISNError: see :mod:`monai_lwmisn.run`.
    """
    data, out = Path(data), Path(out)
    wishes = dataclasses.replace(wishes or Wishes(), test=test is not None)
    with only_writer(out):
        return _Pipeline(data, out, wishes, None if test is None else Path(test), say).run(owner or Owner())


@dataclass(frozen=True)
class _Pipeline:
    data: Path
    out: Path
    wishes: Wishes
    test: Path | None
    say: Say

    def run(self, owner: Owner) -> dict[str, Any]:
        self._check_begun()
        fingerprint = self._fingerprint()
        plan = self._decide(fingerprint)
        runs = self._runs(plan)
        preset = self.out / "preset.json"
        self._search(runs[0], preset)
        self._pace_found(fingerprint, plan, runs[0])
        for fold, run in enumerate(runs):
            self._train(run, fold, runs)
        baseline = self.out / "baseline.json"
        if not baseline.exists():
            dice = [value for run in runs for value in otsu_dice(run)]
            mean = sum(dice) / len(dice)
            write_json({"method": "a threshold by Otsu's method on each image", "dice": mean, "cases": dice}, baseline)
        chosen = self._chosen(runs)
        if self.wishes.compare:
            self._compare(runs)
        if self.wishes.shares and len(cases_of(runs[0])) >= FEWEST:
            self._learn_from_shares(runs[0], preset)
        if self.test is not None and len(runs) > 1:
            self._together(runs, chosen)
        bundle = self.out / "bundle"
        if plan.weights and plan.start is not None:
            owner = dataclasses.replace(
                owner, start=start_name(plan.start.folder), start_terms=plan.start.weights_terms
            )
        self.say("Writing and verifying the bundle")
        write_bundle(chosen, bundle, owner)
        findings = list(verify(bundle))
        for finding in findings:
            if not finding.passed:
                self.say(str(finding))
        raise_for_failures(bundle, findings)
        result = self._result(fingerprint, runs, chosen, read_json(baseline)["dice"])
        write_json(result, self.out / "result.json")
        self._say_result(result, bundle, write_report(self.out))
        return result

    def _check_begun(self) -> None:
        asked: dict[str, Any] = {
            "data": str(self.data.absolute()),
            "test": None if self.test is None else str(self.test.absolute()),
        }
        asked |= {"wishes": dataclasses.asdict(self.wishes)}
        file = self.out / "asked.json"
        if file.exists():
            begun = read_json(file)
            if begun != asked:
                raise ConfigError(
                    f"{self.out} was begun with other data or options: repeat that command to resume it, or give "
                    "another -o."
                )
        elif not is_empty(self.out):
            raise ConfigError(f"{self.out} is not empty, and no `lwmisn auto` began it: give a new folder as -o.")
        else:
            write_json(asked, file)

    def _fingerprint(self) -> Fingerprint:
        file = self.out / "fingerprint.json"
        if file.exists():
            return Fingerprint.load(file)
        try:
            fingerprint = take_fingerprint(self.data, self.wishes.settings)
            decide(fingerprint, self.wishes)  # refuses too few cases
            if self.test is not None:
                check_other_data(self.test, fingerprint)
        except BaseException:
            (self.out / "asked.json").unlink(missing_ok=True)  # so that the corrected command is no other
            raise
        write_atomically(fingerprint.to_text().encode(), self.out / "fingerprint.md")
        fingerprint.save(file)
        return fingerprint

    def _decide(self, fingerprint: Fingerprint) -> Plan:
        """Decide with the pace of this machine; all files are written before the first of them is relied on."""
        file = self.out / "plan.json"
        if file.exists():
            plan = _read_plan(read_json(file))
            self.say(f"{self.out} is resumed: what is finished stays.")
            return plan
        self.say(summary(fingerprint))
        plan = make_plan(fingerprint, decide(fingerprint, self.wishes), self.wishes)
        decisions = planned(fingerprint, self.wishes, plan, None)
        about = f"Made from {fingerprint.path}: {summary(fingerprint)}"
        preset, folds = self.out / "preset.json", plan.folds or 1
        networks = folds * (2 if self.wishes.compare else 1) + self.wishes.shares
        write_preset(decisions, preset, about)
        pace = measure_pace(self.out / ".pace", preset, self.data, plan.start.genotype if plan.start else None)
        for _ in range(2):  # the interval of validations depends on the epochs, and these on its share of the time
            decisions = planned(fingerprint, self.wishes, plan, pace.per_step(preset_of(decisions)))
        expected = estimate(pace, preset_of(decisions), networks)
        write_preset(decisions, preset, about)
        write_json(expected, self.out / "estimate.json")
        write_json(to_dicts(decisions), self.out / "decisions.json")
        write_json(plan.to_dict(), file)
        self.say(
            "\n".join([*plan.sentences(), f"What is decided, and why: {preset}, {self.out / 'fingerprint.md'}"])
            + f"\nIt takes about {duration(expected['seconds'])} and {expected['memory_gib']:.1f} GiB of memory."
            + self._longer_than_asked(expected["seconds"], decisions)
        )
        page = fingerprint.to_text() + "\n" + decisions_text(decisions)
        write_atomically(page.encode(), self.out / "fingerprint.md")
        return plan

    def _longer_than_asked(self, seconds: float, decisions: list[Decision]) -> str:
        preset = preset_of(decisions)
        epochs, folds = preset["train"]["epochs"], preset["data"].get("folds")
        if self.wishes.time is None or seconds < 1.5 * self.wishes.time or epochs > LEAST_EPOCHS:
            return ""
        return f" That is more than was asked for, as a network is trained for at least {LEAST_EPOCHS} epochs" + (
            f", and there are {folds} of them: --folds 1 trains one." if folds else "."
        )

    def _decisions(self) -> list[Decision]:
        text = (self.out / "decisions.json").read_text(encoding="utf-8")
        return [Decision(**one) for one in parse_json(text)]

    def _runs(self, plan: Plan) -> list[Path]:
        if plan.folds is None:
            return [self.out / "run"]
        return [self.out / "folds" / f"fold_{fold}" for fold in range(plan.folds)]

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        """Add what a stage takes to its time in times.json, also where it is interrupted by an error or Ctrl-C."""
        began = time.perf_counter()
        try:
            yield
        finally:
            times = self._times()
            times[stage] = round(times.get(stage, 0.0) + time.perf_counter() - began, 1)
            write_json(times, self.out / "times.json")

    def _times(self) -> dict[str, float]:
        file = self.out / "times.json"
        return dict(read_json(file)) if file.exists() else {}

    def _search(self, run: Path, preset: Path) -> None:
        if (run / "genotype.json").exists():
            return
        with self._timed("search"):
            if find_state(run, "search") is not None:
                search(run, resume=True)
            else:
                search(run, preset=str(preset), data=self.data)

    def _pace_found(self, fingerprint: Fingerprint, plan: Plan, run: Path) -> None:
        """Fit the epochs to the network that a search found, whose pace is its own."""
        file = self.out / "pace.json"
        if file.exists():
            return
        if not plan.search:
            write_json({}, file)
            return
        preset = self.out / "preset.json"
        pace = measure_pace(self.out / ".pace", preset, self.data, run / "genotype.json")
        before = preset_of(self._decisions())
        searched = self._times().get("search", pace.search_seconds(before))
        decisions = planned(fingerprint, self.wishes, plan, pace.per_step(before), searched)
        write_json(dict(paced(decisions)), file)

    def _train(self, run: Path, fold: int, runs: list[Path]) -> None:
        settings = dict(read_json(self.out / "pace.json"))
        if fold and not (run / "genotype.json").exists():
            given = {"search.strategy": "given", "search.genotype": str((runs[0] / "genotype.json").absolute())}
            search(run, preset=str(self.out / "preset.json"), data=self.data, settings={**given, "data.fold": fold})
        with self._timed(f"train_{fold}"):
            done = read_epochs_done(run)
            if done is None or not done.is_finished:
                self.say(f"Training {fold + 1} of {len(runs)}" if len(runs) > 1 else "Training")
                train(run, settings=settings, resume=find_state(run, "train") is not None)
        if not _is_of(run / "evaluation" / "metrics.json", run):
            self.say("Measuring the network on images that it has not seen")
            evaluate(run)
        if self.test is not None:
            file = evaluation_folder(run, data=self.test) / "metrics.json"
            if not _is_of(file, run):
                settings = {"data.dataset": recognise_dataset(self.test), "evaluate.costs": False}
                evaluate(run, data=self.test, settings=settings)

    def _compare(self, runs: list[Path]) -> None:
        """Train MONAI's BasicUNet as long as the search and the training of each network took."""
        file, times = self.out / "basic_unet.json", self._times()
        if file.exists():
            return
        measured = []
        with self._timed("basic_unet"):
            for fold, run in enumerate(runs):
                self.say(f"MONAI's BasicUNet, {fold + 1} of {len(runs)}" if len(runs) > 1 else "MONAI's BasicUNet")
                seconds = times.get("search", 0.0) / len(runs) + times[f"train_{fold}"]
                measured.append(train_basic_unet(run, self.out / "basic_unet" / f"fold_{fold}", seconds))
            write_json({"metrics": measured}, file)

    def _learn_from_shares(self, run: Path, preset: Path) -> None:
        file = self.out / "label_curve.json"
        if file.exists():
            return
        with self._timed("label_curve"):
            measured = []
            for name, share in SHARES.items():
                self.say(f"Training on a {name} of the cases, to tell what more labels would bring")
                measured.append(train_on_share(run, self.out / "label_curve" / name, share, str(preset), self.data))
            write_json({"metrics": measured}, file)

    def _together(self, runs: list[Path], chosen: Path) -> None:
        file = self.out / "ensemble.json"
        if self.test is not None and not file.exists():
            dataset = recognise_dataset(self.test)
            write_json(evaluate_ensemble(runs, chosen, self.test, dataset, self.out / "ensemble"), file)

    def _chosen(self, runs: list[Path]) -> Path:
        """Return the run of the bundle: of several the one that is best on its validation part."""
        return max(runs, key=_validation_dice)

    def _result(self, fingerprint: Fingerprint, runs: list[Path], chosen: Path, baseline: float) -> dict[str, Any]:
        def scores_of(measured: list[dict[str, Any]]) -> dict[str, Any]:
            return scores(measured, list(fingerprint.label_names.values()), fingerprint.volumetric)

        measured = [read_json(run / "evaluation" / "metrics.json") for run in runs]
        result: dict[str, Any] = {"scores": scores_of(measured), "baseline": baseline}
        if self.test is not None:
            # All networks see the same images, so only that of the bundle counts, as in use.
            own = read_json(evaluation_folder(chosen, data=self.test) / "metrics.json")
            result["test_data"] = scores_of([own])
            if (self.out / "ensemble.json").exists():
                result["ensemble"] = scores_of([read_json(self.out / "ensemble.json")])["dice"]
        if (self.out / "basic_unet.json").exists():
            result["basic_unet"] = scores_of(read_json(self.out / "basic_unet.json")["metrics"])["dice"]
        if (self.out / "label_curve.json").exists():
            curve = read_json(self.out / "label_curve.json")["metrics"]
            points = [(one["training_cases"], scores_of([one])["dice"]) for one in curve]
            points.append((len(cases_of(runs[0])), scores_of(measured[:1])["dice"]))
            result["label_curve"] = [{"cases": cases, "dice": dice} for cases, dice in points]
        own = read_json(chosen / "evaluation" / "metrics.json")
        return {
            **result,
            "bundle": {
                "run": str(chosen.relative_to(self.out)),
                "why": None if len(runs) == 1 else BEST_OF_FOLDS,
                "validation_dice": _validation_dice(chosen),
                "params": own["params"],
                "macs": own["macs"],
                "latency_ms": own["latency_ms"],
                "peak_memory_mb": own["peak_memory_mb"],
            },
            "times": self._times(),
        }

    def _say_result(self, result: dict[str, Any], bundle: Path, report: Path) -> None:
        found = result.get("test_data", result["scores"])
        where = f"on {self.test}" if self.test else "on images that were not trained on here"
        lines = [
            f"{found['metric']} {where}: {_figure(found['dice'])} ({found['words']}), "
            f"{counted(found['cases'], 'case')}."
        ]
        if len(found["classes"]) > 1:
            lines += [f"  {name}: {_figure(one['dice'])} ({one['words']})" for name, one in found["classes"].items()]
        if found["objects"] is not None:
            lines.append(objects_words(found["objects"]))
        if result.get("ensemble") is not None:
            lines.append(
                f"All {len(result['scores']['folds'])} networks together have {_figure(result['ensemble'])}; the "
                "bundle holds one, which is as many times faster."
            )
        if "basic_unet" in result:
            lines.append(
                f"MONAI's BasicUNet, trained for the same time, has {_figure(result['basic_unet'])} where this network "
                f"has {_figure(result['scores']['dice'])}."
            )
        together = " for all classes together" if len(found["classes"]) > 1 else ""
        lines.append(f"A threshold alone (Otsu) has {result['baseline']:.3f}{together}.")
        if result["scores"]["agreement"] is not None:
            folds = result["scores"]["folds"]
            lines.append(f"The folds: {', '.join(_figure(value) for value in folds)}. {BEST_OF_FOLDS}")
        lines.append(f"The bundle: {bundle} ({result['bundle']['params'] / 1e6:.3f} M parameters); it is verified.")
        lines.append(f"The report: {report}")
        lines.append(f"Segment other images:\n  lwmisn segment {bundle} IMAGES -o MASKS --table results.csv --overlays")
        self.say("\n".join(lines))


BEST_OF_FOLDS = (
    "The bundle has the network that is best on its validation part; a bundle holds one network, no ensemble, and the "
    "score is the mean of all of them."
)


def _read_plan(content: dict[str, Any]) -> Plan:
    if content["start"] is not None:
        folder = next((folder for folder in shipped_bundles() if folder.name == content["start"]["bundle"]), None)
        if folder is None:
            raise ConfigError(
                f"The bundle {content['start']['bundle']} that this was begun with is not installed: install the "
                "release that began it, or give another -o."
            )
        content["start"] = Start(folder, content["start"]["params"])
    return Plan(**content)


def _is_of(metrics: Path, run: Path) -> bool:
    """Return whether metrics were measured with the weights of a run."""
    return metrics.exists() and read_json(metrics).get("weights_sha256") == sha256_of(run / "models" / "model.pt")


def _validation_dice(run: Path) -> float:
    history = read_history(run / "train" / "history.jsonl")
    return max(line["validation_dsc"] for line in history if "validation_dsc" in line)


def _figure(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"
