"""The report says what the files say, leaves out what is missing, and runs nothing that a name smuggles in."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from monai_lwmisn.auto.report import write_report
from tests.auto.report.folder import auto_folder, change_metrics


class Page(HTMLParser):
    """What a page holds: tags with attributes, the text of each section, and the rows of each table."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.sections: dict[str, str] = {}
        self.rows: dict[str, list[list[str]]] = {}
        self.section = ""
        self.feed(path.read_text(encoding="utf-8"))
        self.rows = {name: [row for row in rows if row] for name, rows in self.rows.items()}

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag == "section":
            self.section = str(dict(attributes)["id"])
        elif tag == "tr":
            self.rows.setdefault(self.section, []).append([])
        elif tag in ("th", "td"):
            self.rows[self.section][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.rows[self.section].append([])

    def handle_data(self, data: str) -> None:
        self.sections[self.section] = self.sections.get(self.section, "") + " " + " ".join(data.split())
        if self.rows.get(self.section) and self.rows[self.section][-1]:
            self.rows[self.section][-1][-1] += " ".join(data.split())


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return Page(write_report(auto_folder(tmp_path_factory.mktemp("report") / "out")))


def test_no_section_of_a_complete_folder_is_left_out_but_the_folds(complete: Page) -> None:
    left_out = [name for name, text in complete.sections.items() if "left out" in text or "not there" in text]
    assert left_out == [] and "one split only" in complete.sections["folds"]
    assert len([1 for tag, _ in complete.tags if tag == "h2"]) == 14


def test_cases_are_worst_first_and_those_without_a_score_last(complete: Page) -> None:
    rows = [row[:2] for row in complete.rows["cases"][1:]]
    assert rows == [
        ["image 1", "0.550"],
        ["image 2", "0.830"],
        ["image 5", "0.860"],
        ["image 3", "0.880"],
        ["image 0", "0.910"],
        ["image 4", "not defined"],
    ]


def test_scores_are_the_means_over_the_cases(complete: Page) -> None:
    mean = (0.91 + 0.55 + 0.83 + 0.88 + 0.86) / 5
    assert complete.rows["comparison"][1:] == [
        ["this network, mean of the classes", f"{mean:.3f}"],
        ["a plain threshold (Otsu), all classes together", "0.412"],
    ]
    inside = complete.rows["classes"][1]
    assert inside[:4] == ["inside", f"{mean:.3f}", "0.550 to 0.910", "5 of 5"]
    # A strip of 3 pixels inside one of 5: 2 * 3 / (3 + 5).
    assert "Fair: look at each mask" in inside[4] and "0.75" in inside[4]


def test_the_verdict_says_that_given_weights_may_know_the_images(complete: Page) -> None:
    assert "If your images are among those that it learned from" in complete.sections["verdict"]


def test_the_flag_is_compared_with_true_scores(complete: Page) -> None:
    # The estimates are (1 + Dice) / 2, so the ranks agree; those of Dice 0.55 and 0.83 are below 0.92.
    text = complete.sections["quality"]
    assert "Flagged, below 0.92" in text and "2, mean true Dice 0.69" in text
    assert "correlation with the true Dice: 1.00" in text


def test_more_labels_are_said_to_help_where_twice_the_cases_did(complete: Page) -> None:
    assert complete.rows["labels"][1:] == [["4", "0.700"], ["8", "0.800"], ["16", "0.850"]]
    assert "From 8 to 16 cases the Dice rose by 0.050" in complete.sections["labels"]


def test_decisions_have_their_reasons(complete: Page) -> None:
    assert ["data.crop", "[192, 192]", "The median picture has 256 pixels a side."] in complete.rows["decisions"]
    assert complete.rows["times"][1:] == [
        ["choice of the network", "8 s"],
        ["training", "9 min"],
        ["together", "9 min"],
    ]


@pytest.mark.parametrize(
    ("dice", "below", "words"),
    [
        ((0.5, 0.6, 0.7, 0.8, 0.9), 0.2, "the cases are too few to tell"),
        (np.linspace(0.5, 0.9, 12), 0.2, "is not known, as no case was flagged"),
        (np.linspace(0.5, 0.9, 12), 0.99, "is not known, as every case was flagged"),
        (np.linspace(0.5, 0.9, 12), 0.8, "1.00; the flag finds the bad masks"),
    ],
)
def test_the_flag_is_praised_only_where_it_found_bad_masks(
    tmp_path: Path, dice: Sequence[float], below: float, words: str
) -> None:
    out = auto_folder(tmp_path / "out", dice=[float(score) for score in dice])
    (out / "bundle" / "configs" / "inference.json").write_text(json.dumps({"inference": {"flag_below": below}}))
    assert words in Page(write_report(out)).sections["quality"]


def test_objects_have_their_scores(tmp_path: Path) -> None:
    out = auto_folder(tmp_path / "out", names=["cell"], dice=(0.93, 0.91))
    change_metrics(out, f1_50=0.862, aji=0.751)
    page = Page(write_report(out))
    assert page.rows["cases"] == [
        ["Case", "Dice", "F1 of objects", "AJI of objects"],
        ["image 1", "0.910", "0.862", "0.751"],
        ["image 0", "0.930", "0.862", "0.751"],
    ]
    assert "an F1 of 0.86" in page.sections["classes"] and "an F1 of 0.86" in page.sections["verdict"]


def test_another_class_is_in_the_key_only_where_there_is_one(complete: Page, tmp_path: Path) -> None:
    single = Page(write_report(auto_folder(tmp_path / "out", names=["cell"])))
    assert "another class" in complete.sections["cases"] and "another class" not in single.sections["cases"]


def test_commands_are_code(tmp_path: Path) -> None:
    out = auto_folder(tmp_path / "out", names=["`<b>`"], dice=(0.1, 0.2))
    (out / "result.json").unlink()
    text = write_report(out).read_text(encoding="utf-8")
    assert "<code>lwmisn auto --thorough</code>" in text and "<code>--set train.start=null</code>" in text
    assert "<b>" not in text and "`lwmisn" not in text and "`--" not in text


def test_every_missing_file_leaves_its_section_out(tmp_path: Path) -> None:
    out = auto_folder(tmp_path / "out")
    sections = {
        "fingerprint.json": {"data"},
        "plan.json": {"plan"},
        "decisions.json": {"decisions"},
        "baseline.json": {"comparison"},
        "result.json": {"labels"},
        "bundle": {"bundle", "quality"},
        "run/train/history.jsonl": {"curves"},
        "run/genotype.json": {"network"},
        # The network is drawn, but has no time.
        "run/evaluation": {"verdict", "classes", "comparison", "cases", "quality", "network"},
    }
    for name, expected in sections.items():
        copy = tmp_path / name.replace("/", " ")
        shutil.copytree(out, copy)
        shutil.rmtree(copy / name) if (copy / name).is_dir() else (copy / name).unlink()
        assert left_out(write_report(copy)) == {"folds", *expected}, name
    (tmp_path / "nothing").mkdir()
    assert len(left_out(write_report(tmp_path / "nothing"))) == 14


def left_out(report: Path) -> set[str]:
    text = report.read_text(encoding="utf-8")
    return set(re.findall(r'id="([a-z]+)-title">[^<]*</h2>\s*<p class="left-out">[A-Z](?:[^<]|</?code>)+\.</p>', text))


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "null", '{"mean": 3}', '{"dice": "x", "classes": []}', "[1]"])
def test_damaged_files_are_named_or_left_out(tmp_path: Path, content: str) -> None:
    out = auto_folder(tmp_path / "out")
    for name in ("fingerprint", "plan", "decisions", "baseline", "result", "run/genotype", "run/evaluation/metrics"):
        (out / f"{name}.json").write_text(content)
    (out / "run" / "train" / "history.jsonl").write_text(content)
    assert {"verdict", "data", "classes", "cases", "network"} <= left_out(write_report(out))


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> $x_1^ {{ 7 * 7 }} \u202e \udcff"


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    out = auto_folder(tmp_path / "out", names=[HOSTILE, "b"], title=HOSTILE)
    decisions = [{"key": HOSTILE, "value": HOSTILE, "reason": HOSTILE}]
    (out / "decisions.json").write_text(json.dumps(decisions))
    page = Page(write_report(out))
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "{{ 7 * 7 }}" in page.sections["cases"] and "49" not in page.sections["decisions"]


def test_it_is_one_file(complete: Page) -> None:
    for tag, attributes in complete.tags:
        for name in ("src", "href", "data", "action"):
            if attributes.get(name):
                assert str(attributes[name]).startswith(("#", "data:")), (tag, attributes[name][:40])
    policy = next(str(entry["content"]) for _, entry in complete.tags if "http-equiv" in entry)
    assert "default-src 'none'" in policy


def test_every_picture_has_words_and_every_head_a_scope(complete: Page) -> None:
    assert all(entry.get("alt") for tag, entry in complete.tags if tag == "img")
    assert all(entry.get("scope") for tag, entry in complete.tags if tag == "th")
    assert len([1 for tag, _ in complete.tags if tag == "img"]) == 7
    levels = [int(tag[1]) for tag, _ in complete.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False))


def test_the_same_folder_gives_the_same_report(tmp_path: Path) -> None:
    out = auto_folder(tmp_path / "out", folds=2)
    digests = [hashlib.sha256(write_report(out).read_bytes()).digest() for _ in range(2)]
    assert digests[0] == digests[1]


def test_pictures_are_those_of_their_cases(tmp_path: Path) -> None:
    out = auto_folder(tmp_path / "out")
    text = write_report(out).read_text(encoding="utf-8")
    pictures = re.findall(r'<img src="data:image/jpeg;base64,([^"]+)" alt="(image \d)', text)
    assert [name for _, name in pictures] == ["image 1", "image 2", "image 3", "image 0"]
    for content, name in pictures:
        file = out / "run" / "evaluation" / "cases" / f"000{name[-1]}.jpg"
        assert base64.b64decode(content) == file.read_bytes()


def test_volumes_are_scored_in_3d_and_have_a_distance(tmp_path: Path) -> None:
    out = auto_folder(tmp_path / "out", names=["liver"], dice=(0.9, 0.8))
    path = out / "run" / "evaluation" / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics["mean"] |= {"dsc_3d": 0.6, "hd95": 4.0}
    for case, score in zip(metrics["cases"], (0.7, 0.5), strict=True):
        case |= {"dsc_3d": score, "hd95": 40 * (1 - score), "slices": 8}
    path.write_text(json.dumps(metrics))
    page = Page(write_report(out))
    assert page.rows["cases"] == [
        ["Case", "Dice", "Distance, mm"],
        ["image 1", "0.500", "20.0"],
        ["image 0", "0.700", "12.0"],
    ]
    assert page.rows["comparison"][1] == ["this network", "0.600"] and "2 volumes" in page.sections["verdict"]


def test_folds_are_listed_by_number(tmp_path: Path) -> None:
    page = Page(write_report(auto_folder(tmp_path / "out", dice=(0.5, 0.7), folds=11)))
    means = [[f"fold {fold}", f"{0.6 + fold / 100:.3f}", "2"] for fold in range(11)]
    assert page.rows["folds"][1:] == means and "agree" in page.sections["folds"]


def test_given_test_data_count_by_the_network_of_the_bundle(tmp_path: Path) -> None:
    out = auto_folder(tmp_path / "out", dice=(0.9, 0.8), folds=2)
    (out / "asked.json").write_text(json.dumps({"data": "/data", "test": "/new/hospital b"}))
    assert {"verdict", "cases"} <= left_out(write_report(out))
    for fold in range(2):
        evaluation = out / "folds" / f"fold_{fold}" / "evaluation"
        metrics = json.loads((evaluation / "metrics.json").read_text())
        for case in metrics["cases"]:
            case["dsc"] = 0.5 + fold / 10
        (evaluation / "other-hospital b").mkdir()
        (evaluation / "other-hospital b" / "metrics.json").write_text(json.dumps(metrics))
    result = json.loads((out / "result.json").read_text())
    (out / "result.json").write_text(json.dumps({**result, "bundle": {"run": "folds/fold_1", "why": "It is best."}}))
    report = write_report(out)
    assert [row[2] for row in Page(report).rows["cases"][1:]] == ["0.600", "0.600"]
    assert "comparison" in left_out(report)  # the threshold was measured on other images
