"""The report of a comparison: tables in Markdown and CSV, and figures, with the published numbers beside ours."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import NamedTuple

import numpy as np

from monai_lwmisn.config import load_preset
from monai_lwmisn.errors import ConfigError, DataError
from monai_lwmisn.files import check_writable, write_named
from monai_lwmisn.profiling import THREADS, UNRELIABLE
from monai_lwmisn.studies.figures import HAS_ADJUST_TEXT, draw_examples, draw_fronts
from monai_lwmisn.studies.models import OURS
from monai_lwmisn.studies.protocol import HEAVY_MACS, Protocol
from monai_lwmisn.studies.published import NUMBERS, TABLE_5, TABLES
from monai_lwmisn.studies.results import GROUPS, Results, Row, read_results
from monai_lwmisn.studies.statistics import paired_tests, pareto_front
from monai_lwmisn.training.metric_words import metric_name

COSTS = {
    "params": "parameters",
    "macs": "multiply-accumulates",
    "latency_ms": "time",
    "latency_onnx_ms": "time, ONNX",
    "latency_openvino_ms": "time, OpenVINO",
}
RUNTIMES = {"latency": "torch", "latency_onnx": "ONNX Runtime", "latency_openvino": "OpenVINO"}
TITLE = "# Networks compared"
FRONTS = "Accuracy against each cost. No network is both cheaper and more accurate than one on the line."
EXAMPLES = (
    "Examples of the test part. The cases are at the 90th, 50th and 10th percentile of our score. The columns are the "
    "image, the truth, and the masks of three networks with their {metric}."
)
TABLE_5_PAIRS = ({"lwmisn": "lwmisn", "contrast": "contrast"}, {"table5_u": "lwmisn", "table5_contrast": "contrast"})
"""The pairs of networks that are compared as in table 5, each with its row there."""

LIVER_REMARK = (
    "A mean DSC is at most 2 MIoU / (1 + MIoU), so three of the published liver figures are impossible: MIoUs of "
    "93.17, 92.32 and 92.01 allow DSCs of at most 96.46, 96.01 and 95.84."
)


class Illustration(NamedTuple):
    """A figure of the report: its path, its caption and the PNG."""

    path: Path
    caption: str
    picture: bytes


def write_report(out: Path, file: Path) -> list[Path]:
    """Write the report of the comparison in ``out``.

    Args:
        out: the folder of the comparison.
        file: the Markdown file. The tables as CSV and the figures as PNG are written beside it, with its name.

    Returns:
        The files written.

    Raises:
        ConfigError: ``out`` is not a comparison or has no finished training, ``file`` cannot be written, or adjustText
            is not installed.
    """
    if not HAS_ADJUST_TEXT:
        raise ConfigError("A report needs adjustText, which is not installed: pip install adjustText.")
    if file.suffix != ".md":
        raise ConfigError(f"{file} does not end in .md: give the name of a Markdown file.")
    check_writable(file, lambda content: content.startswith(TITLE.encode()))
    results = read_results(out)
    metric = main_metric(results)
    words = _in_words(results, metric)
    figures = [
        Illustration(file.with_name(f"{file.stem}_fronts.png"), FRONTS, draw_fronts(results.rows, metric, words))
    ]
    tables = {file.with_name(f"{file.stem}.csv"): _networks_csv(results)}
    missing = ""
    if results.tested:
        tables[file.with_name(f"{file.stem}_cases.csv")] = _cases_csv(results, metric)
        try:
            examples = draw_examples(results, metric)
        except DataError as error:
            missing = f"Figure 5 is not drawn: {error}"
        else:
            if examples is not None:
                path = file.with_name(f"{file.stem}_examples.png")
                figures.append(Illustration(path, EXAMPLES.format(metric=words), examples))
    texts = {file: _markdown(results, metric, figures, missing), **tables}
    contents = {path: text.encode() for path, text in texts.items()} | {one.path: one.picture for one in figures}
    for path, content in contents.items():
        write_named(content, path)
    return list(contents)


def main_metric(results: Results) -> str:
    """Return the metric that ranks the networks: the test DSC (for volumes the 3D one), or else the validation DSC."""
    if not results.tested:
        return "validation_dsc"
    return "dsc_3d" if "dsc_3d" in results.rows[0].first["test"]["mean"] else "dsc"


def _metrics(results: Results, metric: str) -> list[str]:
    if metric == "validation_dsc":
        return [metric]
    names = ["dsc", "miou", "dsc_256", "miou_256"]
    return [metric, *(name for name in names if name != metric), "validation_dsc"]


def _in_words(results: Results, metric: str) -> str:
    """Return the name of a metric in words."""
    volumetric = load_preset(results.protocol.preset, "light")["data"]["volumetric"]
    if metric == "validation_dsc":
        return f"validation {metric_name('dsc_3d' if volumetric else 'dsc', volumetric)}"
    return metric_name(metric, volumetric, "one")


def _markdown(results: Results, metric: str, figures: Sequence[Illustration], missing: str) -> str:
    lines = [
        f"{TITLE}: {results.protocol.preset}, protocol `{results.protocol.name}`",
        "",
        *_introduction(results, metric),
        *_accuracy_table(results, metric),
        "",
        *_cost_table(results.rows),
        "",
        *_front_lines(results, metric),
        "",
        *_published_lines(results),
        *_table_5_lines(results),
    ]
    for title, sentences in (("Failed", results.failures), ("Not finished", results.pending)):
        if sentences:
            items = [line for name, text in sentences.items() for line in _wrapped(f"- `{name}`: {text}")]
            lines += [f"## {title}", "", *items, ""]
    for figure in figures:
        title = figure.caption.partition(".")[0]
        lines += [f"![{title}]({figure.path.name})", "", *_wrapped(figure.caption), ""]
    return "\n".join([*lines, *_wrapped(missing)]).rstrip() + "\n"


def _wrapped(text: str) -> list[str]:
    """Break a paragraph or list item into lines of at most 100 characters."""
    indent = "  " if text.startswith("- ") else ""
    return wrap(text, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _introduction(results: Results, metric: str) -> list[str]:
    protocol = results.protocol
    seeds = f"{protocol.seeds} trainings with different seeds"
    if protocol.heavy_seeds != protocol.seeds:
        seeds += f" ({protocol.heavy_seeds} from {HEAVY_MACS / 1e9:g} GMac on)"
    budget = ""
    if protocol.budget_hours:
        budget = f" Each training ends after {protocol.budget_hours:g} hours, so the numbers of epochs differ."
    spread = "Means and standard deviations over trainings"
    if _p_values(results, metric):
        spread += (
            f"; p is the two-sided p-value of Wilcoxon's signed-rank test over test cases against `{OURS}`, corrected "
            "by Holm's method"
        )
    costs = results.rows[0].costs
    times = (
        f"Times are medians (10th to 90th percentile) of one 256x256 image on {costs['processor']}, {THREADS} threads, "
        f"{costs['software']}."
    )
    lines = _wrapped(
        f"All networks share the split, transforms, augmentation, loss, optimizer and its schedule, "
        f"{protocol.epochs} epochs with batches of {protocol.settings['train.batch_size']}, and {seeds}. "
        f"{_learning_rate(protocol)}{budget}"
    )
    lines += ["", *_wrapped(f"{spread}. {times}"), ""]
    if results.tested:
        cases = len(results.rows[0].first["test"]["cases"])
        lines += _wrapped(
            f"The test part has {cases} cases, evaluated at their own size. Metrics at 256x256 are those of the paper."
        )
    else:
        lines += _wrapped(
            "No network was evaluated on the test part yet: these are the figures of the validation part."
        )
    return [*lines, ""]


def _learning_rate(protocol: Protocol) -> str:
    rates = ", ".join(f"{rate:g}" for rate in protocol.learning_rates)
    if len(protocol.learning_rates) == 1:
        sentence = f"The learning rate is {rates}."
    else:
        sentence = (
            f"The learning rate is the one of {rates} with the best validation DSC after {protocol.pilot_epochs} "
            "epochs."
        )
    if protocol.learns_from_validation:
        sentence += " The validation part is learned from too, so its figures say nothing about other images."
    return sentence


def _accuracy_table(results: Results, metric: str) -> list[str]:
    metrics = _metrics(results, metric)
    p_values = _p_values(results, metric)
    head = [
        "network",
        *(_in_words(results, name) for name in metrics),
        *(["p"] if p_values else []),
        "learning rate",
        "epochs",
        "trainings",
        "total hours",
    ]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for group, title in GROUPS.items():
        members = [row for row in results.rows if row.group == group]
        if members:
            lines.append(f"| **{title}** |" + " |" * (len(head) - 1))
        for row in sorted(members, key=lambda row: -row.mean(metric)):
            values = [_spread(row.scores(name)) for name in metrics]
            if p_values:
                values.append(f"{p_values[row.name]:.2g}" if row.name in p_values else "")
            epochs = sorted({training["epochs"] for training in row.trainings.values()})
            facts = [
                f"{row.first['learning_rate']:g}",
                "-".join(str(count) for count in dict.fromkeys((epochs[0], epochs[-1]))),
                str(len(row.trainings)),
                f"{row.seconds / 3600:.2f}",
            ]
            lines.append(f"| {' | '.join([row.name, *values, *facts])} |")
    return lines


def _p_values(results: Results, metric: str) -> dict[str, float]:
    names = [row.name for row in results.rows]
    if metric == "validation_dsc" or OURS not in names:
        return {}
    return paired_tests({row.name: row.cases(metric) for row in results.rows}, OURS)


def _spread(scores: list[float]) -> str:
    if np.isnan(scores).any():
        return "not in the test part"
    if len(scores) == 1:
        return f"{scores[0]:.4f}"
    return f"{np.mean(scores):.4f} ± {np.std(scores, ddof=1):.4f}"


def _known_costs(rows: list[Row]) -> list[str]:
    """The costs that any network has. Without a runtime, and in results of a former release, there are fewer times."""
    return [cost for cost in COSTS if any(row.costs[cost] is not None for row in rows)]


def _cost_table(rows: list[Row]) -> list[str]:
    times = {name: title for name, title in RUNTIMES.items() if f"{name}_ms" in _known_costs(rows)}
    head = ["network", "parameters M", "GMac at 256x256", *(f"ms, {title}" for title in times.values())]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in sorted(rows, key=lambda row: row.costs["params"]):
        counts = [f"{row.costs['params'] / 1e6:.3f}", f"{row.costs['macs'] / 1e9:.3f}"]
        lines.append(f"| {' | '.join([row.name, *counts, *(_time(row, name) for name in times)])} |")
    return lines


def _time(row: Row, name: str) -> str:
    if row.costs[f"{name}_ms"] is None:
        return ""
    low, high = row.costs[f"{name}_range_ms"]
    median = f"{row.costs[f'{name}_ms']:.1f}" if row.costs[f"{name}_reliable"] else "unreliable"
    return f"{median} ({low:.1f} to {high:.1f})"


def _front_lines(results: Results, metric: str) -> list[str]:
    lines = []
    for cost in _known_costs(results.rows):
        title = COSTS[cost]
        rows = {row.name: row for row in results.rows if row.costs[cost] is not None}
        if not all(row.is_reliable(cost) for row in results.rows):
            lines += _wrapped(
                f"- No front of {title}, because times are {UNRELIABLE}. Without costs.json they are measured again."
            )
            continue
        front = pareto_front(
            {name: row.costs[cost] for name, row in rows.items()},
            {name: row.mean(metric) for name, row in rows.items()},
        )
        lines += _wrapped(
            f"- Pareto front of {_in_words(results, metric)} and {title}: {', '.join(f'`{name}`' for name in front)}."
        )
    return lines


def _published_lines(results: Results) -> list[str]:
    preset = results.protocol.preset
    table = TABLES.get(preset, {})
    rows = [row for row in results.rows if row.name in table and results.tested]
    if not rows:
        return []
    if results.protocol.name == "paper":
        difference = "The published figures have another random split, and what the paper does not say may differ too."
    else:
        difference = (
            "The published figures have another split and another protocol, so they are not comparable to the last "
            "digit."
        )
    lines = [
        f"## Beside table {NUMBERS[preset]} of the paper",
        "",
        *_wrapped(f"The left columns are measured here, the right ones are published. {difference}"),
        "",
        "| network | DSC 256 % | MIoU 256 % | params M | GMac | published DSC % | MIoU % | params M | FLOPs G |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        theirs = table[row.name]
        lines.append(
            f"| {row.name} | {100 * row.mean('dsc_256'):.2f} | {100 * row.mean('miou_256'):.2f} | "
            f"{row.costs['params'] / 1e6:.2f} | {row.costs['macs'] / 1e9:.2f} | "
            f"{theirs.dsc:.2f} | {theirs.miou:.2f} | {theirs.params:.2f} | {theirs.macs:.2f} |"
        )
    return [*lines, "", *([*_wrapped(LIVER_REMARK), ""] if preset == "liver_ct" else [])]


def _table_5_lines(results: Results) -> list[str]:
    published = TABLE_5.get(results.protocol.preset, {})
    known = {row.name: row for row in results.rows} if results.tested else {}
    rows = [
        (known[name], *published[shape])
        for pair in TABLE_5_PAIRS
        if pair.keys() <= known.keys() and published
        for name, shape in pair.items()
    ]
    if not rows:
        return []
    lines = [
        "## Beside table 5: the U-shaped supernet and the DARTS-shaped one",
        "",
        "| network | DSC 256 % | MIoU 256 % | published DSC % | MIoU % |",
        "|---|---|---|---|---|",
    ]
    for row, miou, dsc in rows:
        lines.append(
            f"| {row.name} | {100 * row.mean('dsc_256'):.2f} | {100 * row.mean('miou_256'):.2f} | {dsc:.2f} | "
            f"{miou:.2f} |"
        )
    return [*lines, ""]


def _networks_csv(results: Results) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    metric = main_metric(results)
    metrics, costs = _metrics(results, metric), _known_costs(results.rows)
    writer.writerow(["network", "group", "seed", *metrics, "learning_rate", "epochs", "seconds", "device", *costs])
    for row in results.rows:
        scores = zip(*(row.scores(name) for name in metrics), strict=True)
        for (seed, training), own in zip(row.trainings.items(), scores, strict=True):
            facts = [training[key] for key in ("learning_rate", "epochs", "seconds", "device")]
            writer.writerow([row.name, row.group, seed, *own, *facts, *(row.costs[cost] for cost in costs)])
    return buffer.getvalue()


def _cases_csv(results: Results, metric: str) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    cases = [case["case"] for case in results.rows[0].first["test"]["cases"]]
    writer.writerow(["network", *cases])
    for row in results.rows:
        writer.writerow([row.name, *row.cases(metric)])
    return buffer.getvalue()
