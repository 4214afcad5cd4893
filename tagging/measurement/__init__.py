"""A grammar of what families measure: tokens, amounts, the vital that each amount is, and what surrounds it."""

from tagging.measurement.amount import Precision
from tagging.measurement.dose import Dose, find_doses
from tagging.measurement.mere import is_mere_measurement
from tagging.measurement.reading import Measurement, Readings, find_measurements, read_measurements

__all__ = ["Dose", "Measurement", "Precision", "Readings", "find_doses", "find_measurements", "is_mere_measurement", "read_measurements"]
