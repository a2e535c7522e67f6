"""The scanner's JavaScript without a browser: in the Node that comes with Playwright."""

import json
import subprocess
from pathlib import Path
from typing import Any

from playwright._impl._driver import compute_driver_executable

HERE = Path(__file__).parent
APP = Path(__file__).parents[3] / "gateway" / "scanner" / "static" / "app"


def run(script: str, question: object, *, timeout_seconds: float = 60) -> Any:  # noqa: ANN401 - JSON
    """What a script of this folder answers. `question` is its input, with the folder of the app beside it."""
    node, _ = compute_driver_executable()
    done = subprocess.run(  # noqa: S603 - our own script
        [node, "--no-warnings", str(HERE / script)],
        input=json.dumps({"app": APP.as_uri(), "question": question}),
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
