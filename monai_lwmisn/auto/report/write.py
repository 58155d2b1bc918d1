"""Fills the template of the report, section by section. A section whose files are missing says so instead."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from monai_lwmisn import __version__
from monai_lwmisn.auto.estimate import duration
from monai_lwmisn.auto.fingerprint import Fingerprint
from monai_lwmisn.auto.page import points, summary, value_text
from monai_lwmisn.auto.report.charts import learning_curves, network_drawing, quality_chart, rank_correlation
from monai_lwmisn.auto.report.results import LeftOut, Results
from monai_lwmisn.auto.report.verdict import FEW_CASES, agreement, judge
from monai_lwmisn.auto.scores import objects_words, words_for
from monai_lwmisn.engines.history import read_history
from monai_lwmisn.errors import LWMISNError, counted
from monai_lwmisn.files import write_atomically
from monai_lwmisn.profiling import format_latency
from monai_lwmisn.training.error_pictures import ERROR_COLORS
from monai_lwmisn.training.metric_words import metric_remarks

TEMPLATES = Path(__file__).parent

MOST_PICTURES = 24
"""Cases that are shown, the worst ones."""

THIN = 4
"""Pixels of width below which the Dice coefficient is said to be severe."""

SEEN_BEFORE = (
    "The training began with the weights of a bundle that comes with this program. If your images are among those that "
    "it learned from, the scores are too high."
)

WORTH_LABELLING = 0.01
"""Dice that twice the cases must bring for more labels to be worth their while."""

KEY = {
    "right": "outline of what is right",
    "missed": "missed",
    "false": "false",
    "another class": "taken for another class",
}
"""What the colours of errors mean."""

STAGES = {
    "search": "choice of the network",
    "basic_unet": "MONAI's BasicUNet, for comparison",
    "label_curve": "training on parts of the cases",
}
"""The stages that times.json has beside the trainings, in words."""

__all__ = ["write_report"]


def write_report(out: Path) -> Path:
    """Write report.html, one file that needs no network: no picture, script or style is elsewhere.

    It reads what the stages left in the folder, and nothing else: asked.json, fingerprint.json, decisions.json,
    plan.json, estimate.json, baseline.json, result.json, and of run/ or of each folds/fold_N/ genotype.json,
    train/history.jsonl and evaluation/. A section whose files are missing or damaged is left out, and a sentence says
    so.

    Where the user gave data to test on, their scores count.

    Args:
        out: the folder of an `auto` run.

    Returns:
        The file.

    Raises:
        CheckpointError: it cannot be written.
    """
    results = Results(out)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"code": _code, "duration": duration, "value": value_text}
    script = (TEMPLATES / "sort.js").read_text(encoding="utf-8")
    page = environment.get_template("report.html").render(
        title=out.resolve().name,
        version=__version__,
        # What a hostile name might smuggle in, the browser would not run: only this script, and nothing from elsewhere.
        script_checksum=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        script=script,
        parts={name: _part(section, results) for name, section in SECTIONS.items()},
    )
    path = out / "report.html"
    # A name of a file that is not UTF-8 has surrogates, which no page can hold.
    write_atomically(page.encode("utf-8", "backslashreplace"), path)
    return path


def _part(section: Callable[[Results], dict[str, Any]], results: Results) -> dict[str, Any]:
    """The content of a section, or under ``left_out`` why there is none."""
    try:
        return {"left_out": None, **section(results)}
    except LeftOut as reason:
        return {"left_out": str(reason)}
    except (LWMISNError, OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        cause = str(error) if isinstance(error, LWMISNError) else "a file is not as this program writes it"
        return {"left_out": f"This part is left out: {cause.rstrip('.')}. Run the same command again."}


def _verdict(results: Results) -> dict[str, Any]:
    verdict = judge(results)
    if results.weights_given and verdict.level != "poor":
        verdict.reasons.append(SEEN_BEFORE)
    return verdict._asdict()


def _data(results: Results) -> dict[str, Any]:
    if not (results.out / "fingerprint.json").is_file():
        raise LeftOut("Nothing is known of the data: fingerprint.json is not there.")
    fingerprint = Fingerprint.load(results.out / "fingerprint.json")
    return {"summary": summary(fingerprint), "points": points(fingerprint)}


def _plan(results: Results) -> dict[str, Any]:
    plan = results.object("plan.json", "What was done is not known")
    return {"sentences": [str(plan[name]) for name in ("network", "weights_reason", "folds_reason")]}


def _decisions(results: Results) -> dict[str, Any]:
    return {"rows": results.decisions("decisions.json", "What was decided is not known")}


def _curves(results: Results) -> dict[str, Any]:
    histories = [read_history(run.folder / "train" / "history.jsonl") for run in results.runs]
    if not any(histories):
        raise LeftOut("No learning curves: no epoch of training is recorded.")
    ends = []
    for place, history in enumerate(histories):
        scores = [(line["validation_dsc"], line["epoch"]) for line in history if line.get("validation_dsc") is not None]
        if not scores:
            continue
        (best, epoch), last = max(scores), history[-1]["epoch"]
        where = f"Fold {place}" if len(histories) > 1 else "Training"
        late = " It was still getting better: more time would likely help." if epoch > 0.95 * last > 20 else ""
        epochs = counted(last, "epoch")
        ends.append(f"{where}: {epochs}; best Dice on the validation part {best:.3f}, at epoch {epoch}.{late}")
    return {"chart": _svg(learning_curves(histories)), "ends": ends}


def _classes(results: Results) -> dict[str, Any]:
    if not results.classes:
        raise LeftOut("No scores by class: the evaluation has no classes.")
    widths = {}
    if (results.out / "fingerprint.json").is_file():
        widths = {facts.name: facts.width for facts in Fingerprint.load(results.out / "fingerprint.json").classes}
    rows = []
    for score in results.classes:
        if score.dice is None:
            words = "No tested image has it, so nothing is known."
        else:
            words = f"{words_for(score.dice).capitalize()}."
        width = widths.get(score.name, THIN)
        if width < THIN:
            words += (
                f" It is only {width:.1f} pixels wide: an outline one pixel too wide on each side has a Dice of "
                f"{width / (width + 1):.2f}."
            )
        rows.append({"score": score, "words": words})
    remarks = dict.fromkeys(
        remark for _, metrics in results.evaluated for remark in metric_remarks(metrics, results.volumetric)
    )
    objects = [] if results.objects is None else [objects_words(results.objects)]
    return {"rows": rows, "remarks": [*objects, *(remarks if len(results.evaluated) == 1 else ())]}


def _folds(results: Results) -> dict[str, Any]:
    if len(results.runs) < 2:
        raise LeftOut("There is one split only, so no folds can agree or disagree.")
    if len(results.of_runs) < 2:
        raise LeftOut("Fewer than two folds have scores yet.")
    means = [mean for _, mean, _ in results.of_runs]
    return {
        "rows": [(f"fold {place}", mean, count) for place, mean, count in results.of_runs],
        "mean": float(np.mean(means)),
        "sd": float(np.std(means, ddof=1)),
        "words": agreement(results),
    }


def _comparison(results: Results) -> dict[str, Any]:
    several, own = len(results.label_names) > 1, float(np.mean(results.dice))
    rows = [("this network, mean of the classes" if several else "this network", own)]
    if results.baseline is not None:
        rows.append(("a plain threshold (Otsu)" + (", all classes together" if several else ""), results.baseline))
    if results.test is None and "basic_unet" in results.result:
        rows.append(("MONAI's BasicUNet, trained for the same time", float(results.result["basic_unet"])))
    if results.test is not None and "ensemble" in results.result:
        rows.append((f"all {len(results.runs)} networks together", float(results.result["ensemble"])))
    if len(rows) == 1:
        raise LeftOut("No comparison: no other method was measured on these images.")
    return {"rows": rows}


def _labels(results: Results) -> dict[str, Any]:
    curve = results.result.get("label_curve")
    if not curve:
        raise LeftOut("Not measured: `lwmisn auto --thorough` also trains on a part of the cases.")
    rows = [(int(point["cases"]), float(point["dice"])) for point in curve]
    (half, before), (whole, last) = rows[-2:]
    gain = last - before
    words = (
        f"From {half} to {whole} cases the Dice rose by {gain:.3f}. As many cases again would likely bring less than "
        "that, but still help."
        if gain > WORTH_LABELLING
        else f"From {half} to {whole} cases the Dice changed by {gain:.3f}: more labels of the same kind would hardly "
        "help. Labels of images on which it fails may."
    )
    return {"rows": rows, "words": words}


def _cases(results: Results) -> dict[str, Any]:
    worst = [(number, case) for number, case in enumerate(results.cases) if case.picture and case.dice is not None]
    columns, explained = list[tuple[str, str, str]](), ""
    if results.volumetric:
        columns = [("Distance, mm", "distance_mm", "%.1f")]
        explained = "The distance is the 95 % Hausdorff distance: 95 % of the outlines are nearer than that."
    elif results.objects is not None:
        columns = [("F1 of objects", "f1", "%.3f"), ("AJI of objects", "aji", "%.3f")]
        explained = "An object is found where it and its label have an IoU of 0.5; the AJI counts its outline too."
    several = len(results.label_names) > 1
    return {
        "cases": results.cases,
        "several_runs": len(results.runs) > 1,
        "label_names": results.label_names if several else [],
        "volumetric": results.volumetric,
        "columns": columns,
        "explained": explained,
        "key": [(KEY[name], color) for name, color in ERROR_COLORS.items() if several or name != "another class"],
        "pictures": {
            number: _embedded(case.picture.read_bytes(), "image/jpeg")
            for number, case in worst[:MOST_PICTURES]
            if case.picture
        },
    }


def _quality(results: Results) -> dict[str, Any]:
    pairs = [(case.quality, case.dice) for case in results.cases if case.quality is not None and case.dice is not None]
    if not pairs:
        raise LeftOut("The estimate of quality (`segment --flag`) was not compared with true scores.")
    estimates, dice, below = [pair[0] for pair in pairs], [pair[1] for pair in pairs], results.flag_below
    flagged = [true for estimate, true in pairs if estimate < below]
    passed = [true for estimate, true in pairs if estimate >= below]
    correlation = rank_correlation(estimates, dice)
    words = [
        f"The estimate is {abs(float(np.mean(np.subtract(estimates, dice)))):.2f} "
        f"{'too high' if np.mean(estimates) > np.mean(dice) else 'too low'} in the mean, over {len(pairs)} cases.",
        f"Flagged, below {below:.2f} (the lowest tenth of the validation part): {_group(flagged)}. "
        f"Not flagged: {_group(passed)}.",
    ]
    if correlation is not None:
        words.append(f"Rank correlation with the true Dice: {correlation:.2f}; {_helps(correlation, flagged, passed)}.")
    return {"chart": _svg(quality_chart(estimates, dice, below)), "words": words}


def _helps(correlation: float, flagged: list[float], passed: list[float]) -> str:
    if len(flagged) + len(passed) < FEW_CASES:
        return "the cases are too few to tell whether the flag finds bad masks"
    if correlation <= 0.5:
        return "do not rely on the flag for these images"
    if not flagged or not passed:
        none = "no" if not flagged else "every"
        return f"whether the flag finds bad masks is not known, as {none} case was flagged"
    return "the flag finds the bad masks"


def _group(dice: list[float]) -> str:
    return f"{len(dice)}, mean true Dice {np.mean(dice):.2f}" if dice else "none"


def _network(results: Results) -> dict[str, Any]:
    genotypes = [run.folder / "genotype.json" for run in results.runs]
    genotype = next((path for path in genotypes if path.is_file()), None)
    if genotype is None:
        raise LeftOut("The network cannot be drawn: genotype.json is not there.")
    costs = next((run.costs for run in results.runs if run.costs is not None), None)
    return {
        "drawing": _svg(network_drawing(genotype)),
        "costs": None
        if costs is None
        else [
            ("Parameters", f"{costs['params']:,}"),
            ("Multiplications", f"{costs['macs'] / 1e6:.1f} million"),
            ("Time, median (10 to 90 %)", format_latency(costs)),
            ("Memory", f"{costs['peak_memory_mb']:.0f} MB"),
        ],
    }


def _times(results: Results) -> dict[str, Any]:
    estimate_there = (results.out / "estimate.json").is_file()
    estimate = results.object("estimate.json", "") if estimate_there else None
    times = {str(name): float(seconds) for name, seconds in results.result.get("times", {}).items()}
    stages = [(_stage(name, len(results.runs)), duration(seconds)) for name, seconds in times.items()]
    if estimate is None and not stages:
        raise LeftOut("Neither an estimate nor the times of the stages are there.")
    return {
        "stages": [*stages, ("together", duration(sum(times.values())))] if stages else [],
        "estimated": None if estimate is None else float(estimate["seconds"]),
        "memory": None if estimate is None else float(estimate["memory_gib"]),
    }


def _stage(name: str, runs: int) -> str:
    if name.startswith("train_"):
        return "training" if runs == 1 else f"training of fold {name[6:]}"
    return STAGES.get(name, name)


def _bundle(results: Results) -> dict[str, Any]:
    if not (results.out / "bundle" / "models").is_dir():
        raise LeftOut("There is no bundle yet: run the same command again to make it.")
    return {"why": results.result.get("bundle", {}).get("why"), "path": str(results.out / "bundle")}


SECTIONS = {
    "verdict": _verdict,
    "bundle": _bundle,
    "data": _data,
    "plan": _plan,
    "classes": _classes,
    "comparison": _comparison,
    "folds": _folds,
    "labels": _labels,
    "cases": _cases,
    "quality": _quality,
    "curves": _curves,
    "network": _network,
    "times": _times,
    "decisions": _decisions,
}


def _svg(drawing: bytes) -> str:
    return _embedded(drawing, "image/svg+xml")


def _embedded(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _code(text: str) -> Markup:
    """Text with what stands between backticks as code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))
