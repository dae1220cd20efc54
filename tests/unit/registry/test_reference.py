"""Tables as references: what they give, and what is wrong with one in a sentence."""

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sklearn.naive_bayes import GaussianNB

from services.core import compiled_model, reference
from services.core.errors import TrivetError
from services.core.signature import Signature, TensorSpec
from services.registry.publish import Order, publish
from services.registry.reference import BadTable, build, read
from services.runtimes import sklearn
from tests.unit.parts import EchoRuntime, matrix
from tests.unit.registry.tables import X, Y

COLUMNS = Signature(
    inputs=(
        TensorSpec("age", "FP64", (-1, 1), missing=True),
        TensorSpec("calls", "INT64", (-1, 1)),
        TensorSpec("plan", "BYTES", (-1, 1)),
        TensorSpec("loyal", "BOOL", (-1, 1)),
    ),
    outputs=(TensorSpec("prediction", "FP64", (-1,)),),
)
TABLE = 'plan,age,loyal,calls,target\n01,1.5,True,3,0\n"a,b",,false,4,1\n'


class Summing:
    """Answers the sum of two of its columns."""

    platform = "test"

    def predict(self, inputs):
        assert {name: array.dtype.kind for name, array in inputs.items()} == {
            "age": "f", "calls": "i", "plan": "O", "loyal": "b",
        }  # fmt: skip
        return {"prediction": inputs["calls"][:, 0] + np.nan_to_num(inputs["age"][:, 0])}

    def close(self):
        pass


@pytest.fixture
def table(tmp_path):
    def write(text, name="rows.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_columns_are_found_by_name_and_others_left_out(table):
    found = read(table(TABLE), COLUMNS)

    assert sorted(found) == ["age", "calls", "loyal", "plan"]
    assert found["plan"].tolist() == ["01", "a,b"]
    assert found["loyal"].tolist() == [True, False]
    assert found["calls"].tolist() == [3.0, 4.0]
    np.testing.assert_array_equal(found["age"], [1.5, np.nan])


def test_features_and_scores_are_summarised(table):
    path = table(TABLE)

    found = build(COLUMNS, Summing(), path, path)

    assert found.features["age"].missing == 1
    assert found.features["plan"].counts == {"01": 1, "a,b": 1}
    assert found.features["loyal"].counts == {"true": 1, "false": 1}
    assert [
        edge
        for edge, count in zip(found.scores["prediction"].edges, found.scores["prediction"].counts, strict=True)
        if count
    ] == [4.0, 4.5]


def test_scores_come_from_rows_held_out_only(table):
    path = table(TABLE)

    assert build(COLUMNS, Summing(), path, None).scores == {}
    assert build(COLUMNS, Summing(), None, path) == build(COLUMNS, Summing(), path, path)
    assert build(COLUMNS, Summing(), None, None) is None


def test_a_matrix_without_names_takes_as_many_columns_by_place(table):
    found = build(matrix(3), EchoRuntime(), table("a,b,c\n1,2,3\n4,5,6\n"), None)

    assert sum(found.features["features[1]"].counts) == 2
    with pytest.raises(BadTable, match=r"no column 'features\[0\]'"):
        build(matrix(3), EchoRuntime(), table("a,b,c,d\n1,2,3,4\n"), None)


def test_parquet_is_read(tmp_path):
    path = tmp_path / "rows.parquet"
    pd.DataFrame({"age": [1.5, None], "calls": [3, 4], "plan": ["a", None], "loyal": [True, None]}).to_parquet(path)

    found = read(path, COLUMNS)

    assert found["plan"].tolist() == ["a", None]
    assert found["loyal"].tolist() == [True, None]


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        (TABLE, "rows.txt", "ends in .csv or .parquet"),
        ("", "rows.csv", "cannot be read as a table"),
        (b"\xff\xfe\x00", "rows.csv", "cannot be read as a table"),
        ("PAR1", "rows.parquet", "cannot be read as a table"),
        ("age,calls,plan,loyal\n", "rows.csv", "no rows"),
        ("age,calls,plan\n1,2,a\n", "rows.csv", "no column 'loyal'"),
        ("age,calls,plan,loyal\nold,2,a,true\n", "rows.csv", "'age' holds something that is no number"),
        ("age,calls,plan,loyal\n1,2,a,perhaps\n", "rows.csv", "true or false was expected"),
    ],
)
def test_a_table_that_does_not_fit_says_why(table, text, name, said):
    with pytest.raises(BadTable, match=said):
        read(table(text, name), COLUMNS)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("1,,a,true", "'calls' is not INT64 throughout"),
        ("1,2.5,a,true", "'calls' is not INT64 throughout"),
        ("1,2,,true", "'plan' is not BYTES throughout"),
        ("1,2,a,", "'loyal' is not BOOL throughout"),
        ("inf,2,a,true", "holds Infinity"),
    ],
)
def test_rows_held_out_must_be_rows_that_the_model_answers(table, row, said):
    path = table(f"age,calls,plan,loyal\n{row}\n")

    assert build(COLUMNS, Summing(), path, None) is not None
    with pytest.raises(BadTable, match=said):
        build(COLUMNS, Summing(), None, path)


def test_a_model_that_takes_one_request_at_a_time_has_no_reference(table):
    signature = Signature(COLUMNS.inputs, COLUMNS.outputs, batched=False)

    with pytest.raises(TrivetError, match="leave the reference out"):
        build(signature, Summing(), table(TABLE), None)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=60)
    | st.text(alphabet='age,"\n1.5-nax\r\0é', max_size=60).map(lambda text: f"age,calls,plan,loyal\n{text}".encode())
)
def test_any_file_is_a_table_or_refused(table, content):
    for name in ("rows.csv", "rows.parquet"):
        try:
            found = read(table(content, name), COLUMNS)
        except BadTable:
            continue
        assert sorted(found) == ["age", "calls", "loyal", "plan"]


def test_published_models_keep_their_reference(tmp_path):
    skops.io.dump(GaussianNB().fit(X, Y), tmp_path / "iris.skops")
    pd.DataFrame(X).to_csv(tmp_path / "rows.csv", index=False)
    tables = {"reference": tmp_path / "rows.csv", "held_out": tmp_path / "rows.csv"}

    first = publish(
        Order(str(tmp_path / "iris.skops"), "iris", output=tmp_path / "one", **tables), sklearn, (), tmp_path, print
    )
    again = publish(Order(str(tmp_path / "one"), "iris", output=tmp_path / "two"), sklearn, (), tmp_path, print)

    assert (first.reference_rows, first.held_out_rows) == (len(X), len(X))
    assert (again.reference_rows, again.held_out_rows) == (len(X), len(X))
    known = reference.read(tmp_path / "one")
    assert reference.read(tmp_path / "two") == known
    assert list(known.scores) == ["prediction", "probability[0]", "probability[1]", "probability[2]"]
    # The digest is over the reference, too.
    (tmp_path / "one" / reference.REFERENCE_FILE).write_text("{}")
    assert compiled_model.digest(tmp_path / "one") != first.digest


def test_a_model_without_tables_has_no_reference(tmp_path):
    skops.io.dump(GaussianNB().fit(X, Y), tmp_path / "iris.skops")

    result = publish(Order(str(tmp_path / "iris.skops"), "iris", output=tmp_path / "one"), sklearn, (), tmp_path, print)

    assert (result.reference_rows, reference.read(tmp_path / "one")) == (0, None)
