"""The configurations of a bundle, from those of a run: the same workflows, but at home in any folder."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from monai_lwmisn.config import CONFIGS, SEARCHES, WORKFLOWS, resolve
from monai_lwmisn.files import read_json

PLACES = {"bundle_root": ".", "dataset_dir": "", "datalist_file": None, "torch_compile": False}
"""What a run knows of its machine, and a bundle does not: places, the datalist, which is made from the data each time,
and whether there is a compiler, which a short training in a server would wait for too."""

GIVEN = {"given_genotype": "$os.path.join(@bundle_root, 'genotype.json')"}
"""A run of a genotype that was given knows where it came from; a bundle has it."""

SEARCH_PLACES = {"genotype_file": "$os.path.join(@output_dir, 'genotype.json')"}
"""A search in a bundle leaves the genotype that the weights belong to alone."""

DESCRIBING = ("volumetric", "label_names")
"""What is not computed with, but says what an inference takes and gives."""

_OWN_IMPORT = re.compile(
    r"\$(?:from (?P<package>monai_lwmisn[\w.]*) import (?P<name>\w+)"
    r"|import (?P<module>monai_lwmisn[\w.]*) as (?P<alias>\w+))"
)
_NAME = re.compile(r"(?<![\w.@#'\"])[A-Za-z_]\w*(?![\w'\"=])")
"""A name in an expression: no attribute, reference, text or keyword of an argument."""

NEEDS_PACKAGE = (
    "$monai.utils.optional_import('monai_lwmisn', descriptor="
    "'A search needs the package monai_lwmisn ({}), the other workflows do not: install it.')"
    "[0].__version__"
)


def bundle_configs(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The texts of ``configs/{inference,search,train,evaluate}.json``.

    Args:
        configs: of the run by workflow, as :func:`monai_lwmisn.config.read_configs` or ``resolve`` gives them.

    Returns:
        By workflow, with the names of this package.
    """
    texts = {}
    for workflow in WORKFLOWS:
        config = {**configs[workflow], **PLACES}
        if workflow == "search":
            config |= {**SEARCH_PLACES, **(GIVEN if "given_genotype" in config else {})}
            config["initialize"] = [NEEDS_PACKAGE, *config["initialize"]]
        file = SEARCHES[config["strategy"]] if workflow == "search" else workflow
        pruned = _pruned(config, set(read_json(CONFIGS / f"{file}.json")))
        texts[workflow] = _as_text(pruned if workflow == "search" else _at_home(pruned))
    kind = "volume" if configs["evaluate"]["volumetric"] else "picture"
    inference = read_json(CONFIGS / f"inference_{kind}.json")
    evaluate = read_json(CONFIGS / "evaluate.json")
    # What the preset or the user set; the rest of the evaluation is not the inference's.
    chosen = {
        key: value
        for key, value in configs["evaluate"].items()
        if key not in PLACES and (key not in evaluate or value != evaluate[key])
    }
    texts["inference"] = _as_text(_at_home(_pruned({**inference, **chosen}, {*inference, *DESCRIBING})))
    return texts


def changed_settings(run: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What the configurations of a run have that its preset does not, as overrides.

    Args:
        run: what :func:`monai_lwmisn.config.read_configs` gives.
    """
    first = run["search"]
    strategy = {} if first["strategy"] == "differentiable" else {"strategy": first["strategy"]}
    plain = resolve(first["preset"], first["variant"], strategy)
    changed: dict[str, Any] = dict(strategy)
    for workflow in WORKFLOWS:
        for key, value in run[workflow].items():
            if key not in {*PLACES, *GIVEN} and key in plain[workflow] and value != plain[workflow][key]:
                changed[key] = value
    return changed


def _pruned(config: Mapping[str, Any], needed: set[str]) -> dict[str, Any]:
    """The needed keys, and those that their values lead to."""
    kept: set[str] = set()
    waiting = needed & set(config)
    while waiting:
        kept |= waiting
        texts = json.dumps([config[key] for key in waiting])
        waiting = (set(re.findall(r"@(\w+)", texts)) & set(config)) - kept
    return {key: value for key, value in config.items() if key in kept}


def _at_home(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration that finds the code in its own bundle wherever it is read.

    MONAI carries out all imports before anything else and adds a bundle to Python's path only when it is run. So the
    path comes first, and what would be imported is looked up where it is used.
    """
    imports, located = [], {}
    for statement in config["imports"]:
        match = _OWN_IMPORT.fullmatch(statement)
        if match is None:
            imports.append(statement)
        elif match["name"]:
            located[match["name"]] = f"locate('{match['package']}.{match['name']}')"
        else:
            located[match["alias"]] = f"locate('{match['module']}')"
    body = _with_names({key: value for key, value in config.items() if key != "imports"}, located)
    return {
        "imports": [*imports, "$import sys", "$from pydoc import locate"],
        **body,
        "initialize": ["$sys.path.insert(1, os.path.abspath(@bundle_root))", *body.get("initialize", [])],
    }


def _with_names(value: Any, located: Mapping[str, str]) -> Any:
    """A value with names in its expressions replaced."""
    if isinstance(value, dict):
        return {key: _with_names(item, located) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_names(item, located) for item in value]
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    return _NAME.sub(lambda match: located.get(match[0], match[0]), value)


def _as_text(config: Mapping[str, Any]) -> str:
    return json.dumps(config, indent=4, ensure_ascii=False) + "\n"
