"""A student's own backpropagation, told which equation is wrong, in which layer, and how."""

from tinygrad_edu.diagnosis.diagnose import diagnose
from tinygrad_edu.diagnosis.forms import KNOWN
from tinygrad_edu.diagnosis.report import Diagnosis, Evidence, Finding

__all__ = ["KNOWN", "Diagnosis", "Evidence", "Finding", "diagnose"]
