#!/usr/bin/env bash
# Gradescope runs this once, when the autograder is built. Beside it in the zip is the wheel of tinygrad_edu.
set -euo pipefail
apt-get update
apt-get install --yes python3.11 python3.11-venv # or any later Python that the image has
python3.11 -m venv /autograder/venv
/autograder/venv/bin/pip install /autograder/source/tinygrad_edu-*.whl
