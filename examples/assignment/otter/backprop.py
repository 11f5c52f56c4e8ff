from otter.test_files import test_case

import tinygrad_edu as tg
from tinygrad_edu.diagnosis.grading import hinted

OK_FORMAT = False
name = "backprop"
points = 10


@test_case(points=None, hidden=False)
def test_backprop(backprop):
    report = tg.diagnose(backprop)
    assert report.ok, hinted(report, 2)
