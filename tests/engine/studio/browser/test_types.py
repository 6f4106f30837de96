"""The modules keep the types that their comments say: TypeScript reads them, nothing is built."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from openmolmo.engine.studio import app

STATIC = Path(app.__file__).parent / "static"
OPTIONS = {
    "allowJs": True,
    "checkJs": True,
    "noEmit": True,
    "strict": True,
    "noUncheckedIndexedAccess": False,
    "useUnknownInCatchVariables": True,
    "target": "es2022",
    "module": "es2022",
    "moduleResolution": "bundler",
    "lib": ["es2023", "dom", "dom.iterable"],
    "types": [],
    "paths": {"/static/*": [f"{STATIC}/*"]},
}


def test_modules_keep_their_types(node_modules: Path, tmp_path: Path) -> None:
    project = {"compilerOptions": OPTIONS, "include": [f"{STATIC}/**/*.js"]}
    (tmp_path / "tsconfig.json").write_text(json.dumps(project))
    command = [str(node_modules / ".bin" / "tsc"), "-p", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
