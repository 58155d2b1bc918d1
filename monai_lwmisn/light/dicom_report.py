"""Makes DICOM structured reports (PS3.16, TID 1500) of the volumes in a DICOM Segmentation. Needs highdicom."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np

from . import __version__
from .dicom_segmentation import MANUFACTURER, Maker, short_text
from .mask_marks import content_of_report, mark_of

DIGITS = 6
"""Of a volume in a report, as in the table."""

__all__ = ["measurement_report", "volumes_ml"]


def volumes_ml(labels: np.ndarray, affine: np.ndarray) -> dict[int, float]:
    """Return the volume of each value of a mask in ml, by value; values that it has not are left out.

    Args:
        labels: (x, y, z), uint8.
        affine: (4, 4), from x, y, z to millimetres.
    """
    values, counts = np.unique(labels, return_counts=True)
    voxel = abs(float(np.linalg.det(np.asarray(affine)[:3, :3])))
    return {int(value): int(count) * voxel / 1000 for value, count in zip(values, counts, strict=True)}


def measurement_report(segmentation: Any, volumes: Mapping[int, float], maker: Maker, source: str = "") -> Any:
    """Return a report of the volume of each segment, as a Comprehensive SR, which more archives take than the 3D one.

    It refers to the segments and to the series that they were made of. It is complete, preliminary and not verified by
    a person.

    Args:
        segmentation: of :func:`.dicom_segmentation.dicom_segmentation`.
        volumes: in ml, by number of the segment; 0 where there is none.
        maker: the bundle.
        source: the input that it belongs to, see :func:`.mask_marks.source_of`.
    """
    import highdicom
    import pydicom
    from highdicom import sr
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    series = segmentation.ReferencedSeriesSequence[0]
    algorithm = sr.AlgorithmIdentification(name=maker.name, version=maker.version)
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=generate_uid(entropy_srcs=[MANUFACTURER, maker.name, maker.version]),
        name=maker.name,
        manufacturer_name=MANUFACTURER,
        model_name=maker.name,
    )
    groups = [
        sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=sr.TrackingIdentifier(uid=segment.TrackingUID, identifier=segment.TrackingID),
            referenced_segment=sr.ReferencedSegment(
                sop_class_uid=segmentation.SOPClassUID,
                sop_instance_uid=segmentation.SOPInstanceUID,
                segment_number=segment.SegmentNumber,
                source_series=sr.SourceSeriesForSegmentation(series.SeriesInstanceUID),
            ),
            finding_type=_code(segment.SegmentedPropertyTypeCodeSequence),
            finding_category=_code(segment.SegmentedPropertyCategoryCodeSequence),
            algorithm_id=algorithm,
            measurements=[
                sr.Measurement(
                    name=codes.SCT.Volume,
                    value=float(f"{volumes.get(segment.SegmentNumber, 0.0):.{DIGITS}g}"),
                    unit=sr.CodedConcept("ml", "UCUM", "milliliter"),
                    method=codes.DCM.SumOfSegmentedVoxelMethodForVolume,
                )
            ],
        )
        for segment in segmentation.SegmentSequence
    ]
    report = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=sr.ObserverContext(codes.DCM.Device, device)),
        procedure_reported=codes.SCT.ImagingProcedure,
        imaging_measurements=groups,
    )
    made = sr.ComprehensiveSR(
        evidence=[segmentation, *_instances(segmentation.StudyInstanceUID, series)],
        content=report,
        series_instance_uid=highdicom.UID(),
        series_number=1001,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=short_text(maker.name),
        series_description=short_text(f"Volumes by {maker.name}"),
        is_complete=True,
    )
    file = BytesIO()
    made.save_as(file)
    file.seek(0)
    mark = mark_of(content_of_report(pydicom.dcmread(file)), source)  # as it will be read
    made.SoftwareVersions = [__version__, mark]  # type: ignore[assignment]
    return made


def _code(sequence: Any) -> Any:
    from highdicom.sr import CodedConcept

    return CodedConcept.from_dataset(sequence[0])


def _instances(study: str, series: Any) -> list[Any]:
    """The images of a series that a segmentation refers to."""
    from pydicom.dataset import Dataset

    instances = []
    for reference in series.ReferencedInstanceSequence:
        instance = Dataset()
        instance.StudyInstanceUID, instance.SeriesInstanceUID = study, series.SeriesInstanceUID
        instance.SOPClassUID = reference.ReferencedSOPClassUID
        instance.SOPInstanceUID = reference.ReferencedSOPInstanceUID
        instances.append(instance)
    return instances
