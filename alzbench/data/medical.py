"""Slices of DICOM files and NIfTI volumes as grey pictures, in the orientation of the Kaggle slices.

pydicom and nibabel (extra `medical`) are imported when they are needed. Both parse data and execute none of it. Slices
and frames are counted from 1.
"""

from __future__ import annotations

import importlib.util
import logging
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from alzbench.data.files import VOLUMES
from alzbench.data.images import MAX_FILE_BYTES, MAX_PIXELS, unusable_sides
from alzbench.errors import ExperimentError

Axis = Literal["axial", "coronal", "sagittal"]
Percentiles = tuple[float, float]
Pixels = npt.NDArray[np.uint8]
Float = npt.NDArray[np.float32]

AXES: tuple[Axis, ...] = get_args(Axis)
WINDOW: Percentiles = (0.5, 99.5)  # of the grey values; nnU-Net clips at the same
DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")
_DIMENSION = {"sagittal": 0, "coronal": 1, "axial": 2}  # of an array that runs to the right, front and top
_DEFLATED = "1.2.840.10008.1.2.1.99"  # may unpack to any size
_SIDES = {"axial": (0, 1), "coronal": (0, 2), "sagittal": (1, 2)}  # dimensions along width and height


@dataclass(frozen=True)
class Header:
    """What the header of a file says, without its pixels.

    Attributes:
        slices: Number of slices along the axis, or of frames.
        subject: PatientID of a DICOM file; '' if unknown.
        slice: InstanceNumber of a DICOM file with one frame; '' if unknown.
        warnings: What makes the file an unusual input.
    """

    slices: int
    subject: str = ""
    slice: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Slice:
    """A slice.

    Attributes:
        pixels: (h, w) grey values; the front of the head is at the top of an axial slice, and the patient's right on
            the left side of the picture.
        aspect: Width divided by height, in millimetres if the file has the size of its pixels.
    """

    pixels: Pixels
    aspect: float


class Unusable(Exception):
    """A file cannot be used; the text says why."""


def kind_of(path: Path) -> Literal["nifti", "dicom"] | None:
    """Return the kind of a medical file, by its suffix or, without suffix, by its first bytes; None: another file."""
    name = path.name.lower()
    if name.endswith(VOLUMES):
        return "nifti"
    if name.endswith(DICOM_SUFFIXES):
        return "dicom"
    if path.suffix and not path.suffix[1:].isdigit():  # parts of DICOM's names are often numbers
        return None
    try:
        with path.open("rb") as file:
            return "dicom" if file.read(132)[128:] == b"DICM" else None
    except OSError:
        return None


def require_packages() -> None:
    """Raise ExperimentError if the packages that read medical files are not installed."""
    missing = [name for name in ("pydicom", "nibabel") if importlib.util.find_spec(name) is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise ExperimentError(
            f"DICOM and NIfTI files are read by pydicom and nibabel; {' and '.join(missing)} {verb} not installed. "
            "Install the extra: pip install 'alzbench[medical]'."
        )


def read_header(path: Path, axis: Axis = "axial") -> Header:
    """Read the header of a DICOM or NIfTI file.

    Raises:
        Unusable: The file is damaged, holds no grey slices, or is too large.
    """
    if kind_of(path) == "nifti":
        return Header(_canonical(path).shape[_DIMENSION[axis]])
    dataset = _read_dicom(path, stop_before_pixels=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _dicom_header(dataset)
    except Exception as error:  # noqa: BLE001 - pydicom parses values when they are asked for, see `_read_dicom`
        raise Unusable(f"damaged: {_first_line(error)}") from None


def _dicom_header(dataset: Any) -> Header:
    modality = str(dataset.get("Modality", ""))
    notes = () if modality == "MR" else (f"modality {modality or 'unknown'}, not MR",)
    frames = int(dataset.get("NumberOfFrames") or 1)
    number = dataset.get("InstanceNumber")
    return Header(
        frames,
        subject=str(dataset.get("PatientID") or "").strip(),
        slice="" if frames > 1 or number is None else str(int(number)),
        warnings=notes,
    )


def read_slices(path: Path, numbers: Sequence[int], axis: Axis = "axial", window: Percentiles = WINDOW) -> list[Slice]:
    """Read slices of a NIfTI volume, or frames of a DICOM file.

    Args:
        path: The file.
        numbers: Numbers of the slices, from 1.
        axis: Axis of the slices of a volume; a DICOM file has its own. The slices are counted upwards, forwards, or
            to the patient's right.
        window: Percentiles of the grey values that become black and white: of the volume, or for a DICOM file
            without a window of its own, of the frame.

    Raises:
        Unusable: The file is damaged, holds no grey slices, or is too large.
    """
    return (_nifti_slices if kind_of(path) == "nifti" else _dicom_slices)(path, numbers, axis, window)


def to_grey(values: npt.NDArray[Any], low: float, high: float) -> Pixels:
    """Return values as uint8: `low` becomes 0 and `high` 255, and what is not a number becomes 0.

    Raises:
        Unusable: `low` is not below `high`.
    """
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise Unusable("all pixels have nearly the same value")
    scaled = (values.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low))
    grey: Pixels = np.rint(np.clip(np.nan_to_num(scaled, nan=0.0), 0, 255)).astype(np.uint8)
    return grey


def _limits(values: npt.NDArray[Any], window: Percentiles) -> tuple[float, float]:
    """Return two percentiles of the finite values; NaN if there are none."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return math.nan, math.nan
    low, high = np.percentile(finite, window)
    return float(low), float(high)


def _canonical(path: Path) -> Any:
    """Open a volume that runs to the right, front and top, without reading its voxels."""
    import nibabel

    logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)  # it prints what it corrects in a header
    try:
        image = nibabel.load(path)
        shape = tuple(int(side) for side in image.shape)
        if not isinstance(image, nibabel.Nifti1Image):  # of which NIfTI-2 is a subclass
            raise Unusable("not a NIfTI file")
        while len(shape) > 3 and shape[-1] == 1:
            shape = shape[:-1]
        if len(shape) > 3:
            raise Unusable(f"{len(shape)} dimensions ({' x '.join(map(str, shape))}), but a volume has three")
        shape += (1,) * (3 - len(shape))
        if min(shape) < 1:
            raise Unusable(f"damaged: its header says {' x '.join(map(str, shape))} voxels")
        if math.prod(shape) > MAX_PIXELS:
            raise Unusable(f"{' x '.join(map(str, shape))} voxels, but at most {MAX_PIXELS // 10**6} million are read")
        if image.get_data_dtype().kind not in "iuf":
            raise Unusable("its voxels are not grey values")
        orientation = nibabel.io_orientation(image.affine)
        if np.isnan(orientation).any():
            raise Unusable("its affine matrix is singular, so that its orientation is not known")
        return _Volume(image, shape, orientation)
    except Unusable:
        raise
    except Exception as error:  # noqa: BLE001 - nibabel, gzip and NumPy raise many kinds of errors for a damaged file
        raise Unusable(f"damaged: {_first_line(error)}") from None


class _Volume:
    """A NIfTI volume with its dimensions in the order right, front, top."""

    def __init__(self, image: Any, shape: tuple[int, ...], orientation: npt.NDArray[np.floating]) -> None:
        self._image, self._stored, self._orientation = image, shape, orientation
        order = np.argsort(orientation[:, 0])  # the stored dimension along each of right, front and top
        zooms = [*(float(zoom) for zoom in image.header.get_zooms()[:3]), 1.0, 1.0][:3]
        self.shape = tuple(shape[k] for k in order)
        self.zooms = tuple(zooms[k] if math.isfinite(zooms[k]) and zooms[k] > 0 else 1.0 for k in order)

    def read(self) -> npt.NDArray[Any]:
        import nibabel

        values = np.asanyarray(self._image.dataobj).reshape(self._stored)
        return np.asarray(nibabel.apply_orientation(values, self._orientation))


def _nifti_slices(path: Path, numbers: Sequence[int], axis: Axis, window: Percentiles) -> list[Slice]:
    volume = _canonical(path)
    try:
        values = volume.read()
    except Exception as error:  # noqa: BLE001 - see `_canonical`
        raise Unusable(f"damaged: {_first_line(error)}") from None
    low, high = _limits(values, window)
    across, along = _SIDES[axis]
    if reason := unusable_sides(values.shape[across], values.shape[along]):
        raise Unusable(reason)
    aspect = values.shape[across] * volume.zooms[across] / (values.shape[along] * volume.zooms[along])
    # rows from top to bottom; columns from the patient's right to the left, or from the front to the back
    return [
        Slice(to_grey(np.take(values, number - 1, _DIMENSION[axis]).T[::-1, ::-1], low, high), aspect)
        for number in numbers
    ]


def _read_dicom(path: Path, stop_before_pixels: bool = False) -> Any:
    """Read and check a DICOM file."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Unusable(f"a DICOM file of more than {MAX_FILE_BYTES // 2**20} MiB")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about values that do not follow the standard, which are common
            if str(pydicom.filereader.read_file_meta_info(path).get("TransferSyntaxUID", "")) == _DEFLATED:
                raise Unusable("its compression (deflated) is not supported")
            dataset = pydicom.dcmread(path, stop_before_pixels=stop_before_pixels, force=False)
            _check_dicom(dataset)
    except Unusable:
        raise
    except InvalidDicomError:
        raise Unusable("not a DICOM file") from None
    except Exception as error:  # noqa: BLE001 - pydicom raises many kinds of errors for a damaged file
        raise Unusable(f"damaged: {_first_line(error)}") from None
    return dataset


def _check_dicom(dataset: Any) -> None:
    """Raise Unusable if a dataset does not describe grey pictures of a usable size."""
    rows, columns = int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)
    if not rows or not columns:
        raise Unusable("a DICOM file without pixels")
    if reason := unusable_sides(columns, rows):
        raise Unusable(reason)
    photometric = str(dataset.get("PhotometricInterpretation", ""))
    if int(dataset.get("SamplesPerPixel") or 1) != 1 or photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise Unusable(f"a colour picture ({photometric or 'unknown colours'}), but grey slices are read")


def _dicom_slices(path: Path, numbers: Sequence[int], axis: Axis, window: Percentiles) -> list[Slice]:
    del axis
    dataset = _read_dicom(path)
    if "PixelData" not in dataset:
        raise Unusable("a DICOM file without pixels")
    return [_frame(dataset, number - 1, window) for number in numbers]


def _frame(dataset: Any, frame: int, window: Percentiles) -> Slice:
    from pydicom.pixels import pixel_array

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stored = pixel_array(dataset, index=frame)
            slope = _number(_value(dataset, frame, "PixelValueTransformationSequence", "RescaleSlope"), 1.0)
            intercept = _number(_value(dataset, frame, "PixelValueTransformationSequence", "RescaleIntercept"), 0.0)
            limits = _window(dataset, frame)
            spacing = _value(dataset, frame, "PixelMeasuresSequence", "PixelSpacing")
            down, across = (float(size) for size in spacing) if spacing else (1.0, 1.0)
    except Exception as error:  # noqa: BLE001 - see `_read_dicom`
        raise Unusable(_pixels_reason(dataset, error)) from None
    values = stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    pixels = to_grey(values, *(limits or _limits(values, window)))
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        pixels = 255 - pixels
    height, width = pixels.shape
    usable = math.isfinite(down) and math.isfinite(across) and min(down, across) > 0
    return Slice(pixels, width * across / (height * down) if usable else width / height)


def _window(dataset: Any, frame: int) -> tuple[float, float] | None:
    """Return the values that the file's first window makes black and white; None if it has none.

    For a sigmoid, they are the ends of the line with the same centre and slope.
    """
    centre = _value(dataset, frame, "FrameVOILUTSequence", "WindowCenter")
    width = _value(dataset, frame, "FrameVOILUTSequence", "WindowWidth")
    if centre is None or width is None:
        return None
    middle, extent = _number(centre, math.nan), _number(width, math.nan)
    if not (math.isfinite(middle) and math.isfinite(extent)) or extent < 1:
        return None
    function = str(_value(dataset, frame, "FrameVOILUTSequence", "VOILUTFunction") or "LINEAR")
    if function != "LINEAR" or extent == 1:
        return middle - extent / 2, middle + extent / 2
    return middle - 0.5 - (extent - 1) / 2, middle - 0.5 + (extent - 1) / 2  # DICOM PS3.3, C.11.2.1.2.1


def _value(dataset: Any, frame: int, sequence: str, keyword: str) -> Any:
    """Return a value of one frame, of all frames, or of the file; None if it is not there."""
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    for group in [*per_frame[frame : frame + 1], *(dataset.get("SharedFunctionalGroupsSequence") or [])[:1]]:
        inner = group.get(sequence)
        if inner and inner[0].get(keyword) is not None:
            return inner[0].get(keyword)
    return dataset.get(keyword)


def _number(value: Any, default: float) -> float:
    """Return a value, or the first of several, as a number."""
    if value is None or value == "":
        return default
    return float(value if isinstance(value, str | int | float) else value[0] if hasattr(value, "__len__") else value)


def _pixels_reason(dataset: Any, error: Exception) -> str:
    syntax = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None)
    from pydicom.uid import AllTransferSyntaxes

    if (
        syntax is not None
        and syntax in AllTransferSyntaxes
        and syntax.is_compressed
        and isinstance(error, RuntimeError | NotImplementedError)
    ):
        return f"its compression ({syntax.name}) cannot be read; save it uncompressed, or install pylibjpeg"
    return f"damaged: {_first_line(error)}"


def _first_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text.partition(". ")[0][:200]
