# make test   the checks and the test suite              (what continuous integration runs)
# make test-label   the acceptance against a real MONAI Label server
# make test-napari   the acceptance of the plug-in in napari itself, without a screen
# make docs   the documentation site in build/docs, without the network; a broken link is an error
# make bundles   a standalone zip of each bundle in dist/, for sites with MONAI alone
# make demo   phantom images -> search -> genotype -> retrain -> evaluate -> pictures
# Each builds its environment first: demo and docs .venv, test also .venv-slicer, test-label .venv-label, test-napari .venv-napari.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
DEMO   := demo
SLICER := .venv-slicer
LABEL  := .venv-label
NAPARI := .venv-napari

.PHONY: test demo check docs bundles label-env test-label test-napari clean
.DELETE_ON_ERROR:

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# One mark per set of extras, so that a changed setup.py or constraints.txt installs again.
$(VENV)/test.installed: $(BIN)/python setup.py constraints.txt
	$(PIP) -e .[test,docs,runtime,dicom,studies,postgresql,bioimageio,large]
	touch $@

$(VENV)/demo.installed: $(BIN)/python setup.py constraints.txt
	$(PIP) -e .
	touch $@

$(VENV)/docs.installed: $(BIN)/python setup.py constraints.txt
	$(PIP) -e .[docs]
	touch $@

$(SLICER)/test.installed: tests/slicer_module/requirements.txt $(wildcard slicer_module/LWMISN/Resources/Requirements/*.txt)
	$(PYTHON) -m venv $(SLICER)
	$(SLICER)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

check: $(VENV)/test.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: check $(SLICER)/test.installed
	$(BIN)/python -m coverage erase
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term
	OMP_NUM_THREADS=1 $(SLICER)/bin/python -m pytest -n 2 --dist loadfile --confcutdir tests/slicer_module tests/slicer_module

demo: $(VENV)/demo.installed
	rm -rf $(DEMO)
	$(BIN)/lwmisn phantom $(DEMO)/images --kind nuclei --cases 40 --seed 0
	$(BIN)/lwmisn search --preset nuclei --data $(DEMO)/images --out $(DEMO)/run \
		--set search.trials=6 --set search.trial_epochs=3 --set search.first_rung=1 --set search.finalists=1 \
		--set train.epochs=40 --set train.ema_decay=0.95 --set train.val_interval=10
	$(BIN)/lwmisn train $(DEMO)/run
	$(BIN)/lwmisn evaluate $(DEMO)/run
	$(BIN)/lwmisn show $(DEMO)/run -o $(DEMO)/run/network.png
	@echo
	@echo "The pictures:"
	@echo "  $(abspath $(DEMO))/run/evaluation/overlays.png   image, truth and prediction of the best, median and worst test images"
	@echo "  $(abspath $(DEMO))/run/network.png               the network that the search found"

docs: $(VENV)/docs.installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bundles: $(VENV)/demo.installed
	for bundle in bundles/*; do $(BIN)/lwmisn bundle $$bundle --standalone dist/$$(basename $$bundle).zip || exit 1; done

# MONAI Label wants older libraries than the rest. Its build of sam2, which is not used, would otherwise fetch another torch.
label-env: $(LABEL)/label.installed

$(LABEL)/label.installed: setup.py label-constraints.txt
	$(PYTHON) -m venv $(LABEL)
	PIP_CONSTRAINT=$(abspath label-constraints.txt) SAM2_BUILD_CUDA=0 \
		$(LABEL)/bin/python -m pip install --quiet --disable-pip-version-check -e .[label,runtime] pytest
	touch $@

test-label: $(LABEL)/label.installed
	PYTHONPATH=tests/label $(LABEL)/bin/python -m pytest --confcutdir tests/label -m label tests/label

$(NAPARI)/napari.installed: setup.py constraints.txt
	$(PYTHON) -m venv $(NAPARI)
	$(NAPARI)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .[napari] pytest pytest-qt
	touch $@

test-napari: $(NAPARI)/napari.installed
	QT_QPA_PLATFORM=offscreen $(NAPARI)/bin/python -m pytest --confcutdir tests/napari tests/napari

clean:
	rm -rf $(VENV) $(SLICER) $(LABEL) $(NAPARI) $(DEMO) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
