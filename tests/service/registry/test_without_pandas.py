"""What a serving process can do without."""

import subprocess
import sys
from pathlib import Path

import skops.io
from sklearn.datasets import load_iris
from sklearn.naive_bayes import GaussianNB


def test_matrix_is_served_where_pandas_is_not_installed(tmp_path: Path) -> None:
    skops.io.dump(GaussianNB().fit(*load_iris(return_X_y=True)), tmp_path / "model.skops")
    program = (
        "import sys, numpy as np\n"
        "sys.modules['pandas'] = None\n"
        "from pathlib import Path\n"
        "from services.core.signature import Signature, TensorSpec\n"
        "from services.runtimes import sklearn\n"
        f"nb = sklearn.read(Path({str(tmp_path / 'model.skops')!r}))\n"
        "s = Signature((TensorSpec('features', 'FP64', (-1, 4)),), (TensorSpec('prediction', 'INT64', (-1,)),))\n"
        "sklearn.adapt(nb, s).predict({'features': np.zeros((1, 4))})\n"
        "print('predicted')"
    )

    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "predicted"
