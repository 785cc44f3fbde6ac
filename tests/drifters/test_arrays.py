"""Rows of other array libraries: the numbers of NumPy, where the rows came from."""

import inspect
import pickle
from functools import cache

import numpy as np
import pytest
import sklearn.utils._array_api
from numpy.testing import assert_array_equal
from problems import WINE_3D, moons
from sklearn import config_context
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks, get_tags

from skdrift import (
    ConservativeDrifter,
    LaplaceDrifter,
    SharpDrifter,
    SinkhornDrifter,
    SoftmaxDrifter,
)
from skdrift.pipeline import make_drift_pipeline

CLASSES = [
    ConservativeDrifter,
    SharpDrifter,
    LaplaceDrifter,
    SinkhornDrifter,
    SoftmaxDrifter,
]
X, QUERIES = moons(60), moons(7, random_state=1)
HOLES = np.where([[False, True]], np.nan, QUERIES)


class Strict:
    """array-api-strict, which has devices that NumPy cannot read."""

    def __init__(self, device):
        self.xp = pytest.importorskip("array_api_strict")
        self.device = self.xp.Device(device)

    def array(self, values):
        return self.xp.asarray(np.array(values), device=self.device)

    def numpy(self, array):
        assert isinstance(array, type(self.xp.asarray(0)))
        assert array.device == self.device
        return np.asarray(self.xp.asarray(array, device=self.xp.Device("CPU_DEVICE")))


class Torch:
    def __init__(self):
        self.torch = pytest.importorskip("torch")

    def array(self, values):
        return self.torch.tensor(np.array(values))

    def numpy(self, array):
        assert type(array) is self.torch.Tensor
        return array.numpy()


def strict_elsewhere():
    if not hasattr(sklearn.utils._array_api, "move_to"):
        pytest.skip("this version of scikit-learn converts PyTorch and CuPy alone")
    return Strict("device1")


LIBRARIES = {
    "strict": lambda: Strict("CPU_DEVICE"),
    "strict, on a device": strict_elsewhere,
    "torch": Torch,
}


@pytest.fixture(params=LIBRARIES.values(), ids=LIBRARIES.keys())
def library(request):
    return request.param()


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def _scipy_accepts_dispatch(monkeypatch):
    # scikit-learn asks for it. It is read when it is needed, and SciPy, which has read
    # it before, is given arrays of NumPy alone.
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")


@pytest.fixture
def dispatch():
    try:
        context = config_context(array_api_dispatch=True)
        context.__enter__()
    except ImportError as error:  # old versions of SciPy and scikit-learn
        pytest.skip(str(error))
    yield
    context.__exit__(None, None, None)


def fitted(cls=ConservativeDrifter, rows=X, **fit):
    return cls(max_iter=3, random_state=0).fit(rows, **fit)


def answers(drifter, convert):
    """What the verbs return, by name."""
    rows = convert(QUERIES)
    answers = {
        "sample": drifter.sample(5, random_state=1),
        "sample_conditional": drifter.sample_conditional(convert(HOLES)),
        "trajectory": drifter.trajectory(),
        "transform": drifter.transform(rows),
        "fit_transform": drifter.fit_transform(convert(X)),
        "velocity": drifter.velocity(X=rows),
        "mixture": drifter.score_samples(rows),
        "kde": drifter.score_samples(rows, method="kde"),
        "given": drifter.score_samples(rows, given=[0]),
        "particles": drifter.particles_,
        "start": drifter.start_,
        "scale": drifter.scale_,
    }
    if isinstance(drifter, CLASSES[0]):
        answers["potential"] = drifter.potential(rows)
        answers["inverse_transform"] = drifter.inverse_transform(rows)
        answers["flow"] = drifter.score_samples(rows, method="flow")
    return answers


@cache
def reference_and_answers(cls, dtype):
    """What the libraries are held against: a drifter fitted to rows of NumPy."""
    reference = fitted(cls, X.astype(dtype))
    return reference, answers(reference, lambda values: np.asarray(values, dtype))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("cls", CLASSES)
def test_verbs_answer_in_the_library_of_the_rows(cls, dtype, library, dispatch):
    def convert(values):
        return library.array(np.asarray(values, dtype))

    drifter = fitted(cls, convert(X))
    found = answers(drifter, convert)
    score = drifter.score(convert(QUERIES))
    with config_context(array_api_dispatch=False):
        reference, expected = reference_and_answers(cls, dtype)
        assert score == reference.score(QUERIES.astype(dtype))
        assert type(score) is float
    for name, result in found.items():
        assert_array_equal(library.numpy(result), expected[name], name)
        assert library.numpy(result).dtype == expected[name].dtype
    assert drifter.history_["step_size"].tolist() == (
        reference.history_["step_size"].tolist()
    )


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_dispatch_changes_nothing_for_arrays_of_numpy(dispatch):
    found = answers(fitted(), np.asarray)
    with config_context(array_api_dispatch=False):
        expected = answers(fitted(), np.asarray)
    for name, result in found.items():
        assert type(result) is np.ndarray
        assert_array_equal(result, expected[name], name)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_without_dispatch_results_are_of_numpy(dtype, torch):
    def convert(values):
        return torch.tensor(np.asarray(values, dtype))

    drifter = fitted(rows=convert(X), sample_weight=torch.arange(60) % 3)
    found = answers(drifter, convert)
    reference = fitted(rows=X.astype(dtype), sample_weight=np.arange(60) % 3)
    expected = answers(reference, lambda values: np.asarray(values, dtype))
    for name, result in found.items():
        assert type(result) is np.ndarray
        assert result.dtype == dtype or name == "scale"
        assert_array_equal(result, expected[name], name)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_results_are_copies(library, dispatch):
    drifter = fitted(rows=library.array(X))
    before = library.numpy(drifter.sample(3)).copy()
    for array in (drifter.scale_, drifter.particles_, drifter.start_):
        array *= 100
    assert_array_equal(library.numpy(drifter.sample(3)), before)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_weights_may_be_of_another_library(library, dispatch):
    weight = np.arange(60) % 3
    expected = fitted(sample_weight=weight).particles_
    mixed = fitted(rows=library.array(X), sample_weight=weight)
    assert_array_equal(library.numpy(mixed.particles_), expected)
    mixed = fitted(sample_weight=library.array(weight))
    assert type(mixed.particles_) is np.ndarray
    assert_array_equal(mixed.particles_, expected)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_last_chunk_tells_the_library(library, dispatch):
    drifter, reference = (ConservativeDrifter(max_iter=3, random_state=0) for _ in "ab")
    for rows in np.split(X, 2):
        drifter.partial_fit(library.array(rows))
        reference.partial_fit(rows)
    assert_array_equal(library.numpy(drifter.sample(3)), reference.sample(3))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_integers_become_floats(library, dispatch):
    rows = np.round(10 * X).astype(np.int64)
    found = library.numpy(fitted(rows=library.array(rows)).sample(4))
    assert_array_equal(found, fitted(rows=rows).sample(4))
    assert found.dtype == np.float64


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_frames_that_set_output_asks_for_are_frames(library, dispatch):
    pd = pytest.importorskip("pandas")
    drifter = fitted(rows=library.array(X)).set_output(transform="pandas")
    assert isinstance(drifter.sample(3), pd.DataFrame)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_pickles_keep_the_library(torch, dispatch):
    drifter = fitted(rows=torch.tensor(X))
    loaded = pickle.loads(pickle.dumps(drifter))
    assert torch.equal(loaded.sample(3), drifter.sample(3))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_pipelines_of_steps_that_dispatch(torch, dispatch):
    if not get_tags(StandardScaler()).array_api_support:
        pytest.skip("the scaler of this version of scikit-learn does not dispatch")
    drifter = ConservativeDrifter(max_iter=3, random_state=0)
    pipeline = make_drift_pipeline(StandardScaler(), drifter)
    holes = np.where([[False, True, False]], np.nan, WINE_3D[:4])
    pipeline.fit(torch.tensor(WINE_3D))
    drawn, filled = pipeline.sample(5), pipeline.sample_conditional(torch.tensor(holes))
    assert type(drawn) is type(filled) is torch.Tensor
    pipeline.fit(WINE_3D)
    np.testing.assert_allclose(drawn, pipeline.sample(5), rtol=1e-9)
    expected = pipeline.sample_conditional(holes)
    np.testing.assert_allclose(filled, expected, rtol=1e-9)
    assert_array_equal(filled[:, 0], holes[:, 0])


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_estimator_that_scikit_learn_has_moved(library, dispatch):
    helpers = sklearn.utils._array_api
    if not hasattr(helpers, "move_estimator_to"):
        pytest.skip("this version of scikit-learn moves no estimators")
    drifter, rows = fitted(), library.array(QUERIES)
    xp, _, device = helpers.get_namespace_and_device(rows)
    moved = helpers.move_estimator_to(drifter, xp, device)
    assert_array_equal(library.numpy(moved.velocity(rows)), drifter.velocity(QUERIES))


# -- errors --------------------------------------------------------------------------

VERBS = [
    "inverse_transform",
    "potential",
    "sample_conditional",
    "score",
    "score_samples",
    "transform",
    "velocity",
]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("verb", VERBS)
def test_rows_of_another_library_or_device_than_in_fit(verb, library, dispatch):
    strict = pytest.importorskip("array_api_strict")
    there = strict.asarray(QUERIES, device=strict.Device("device2"))
    of_fit = library.array(X)
    for fit, rows in [(of_fit, QUERIES), (of_fit, there), (X, library.array(QUERIES))]:
        drifter = fitted(rows=fit)
        message = rf"ConservativeDrifter\.{verb}\(\) must use the same namespace and"
        with pytest.raises(ValueError, match=message):
            getattr(drifter, verb)(rows)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_tensors_that_require_a_gradient(torch):
    rows = torch.tensor(X, requires_grad=True)
    weight = torch.ones(60, requires_grad=True)
    with pytest.raises(ValueError, match=r"'X' is a tensor .* Pass X\.detach"):
        ConservativeDrifter().fit(rows)
    with pytest.raises(ValueError, match=r"'sample_weight' is a tensor"):
        ConservativeDrifter().fit(X, sample_weight=weight)
    with pytest.raises(ValueError, match=r"'X' is a tensor"):
        fitted().velocity(rows)
    with pytest.raises(ValueError, match=r"Chunk 1 of X: .* is a tensor"):
        ConservativeDrifter().fit(iter([X, rows]))


def test_dispatch_does_not_make_gradients(torch, dispatch):
    rows = torch.tensor(X, requires_grad=True)
    drifter = ConservativeDrifter()
    with pytest.raises(ValueError, match=r"Pass X\.detach"):
        drifter.fit(rows)
    assert not vars(drifter).keys() & {"particles_", "flow_"}


def test_devices_need_dispatch():
    rows = Strict("device1").array(X)
    for message in ("device1", "array_api_dispatch=True"):
        with pytest.raises(ValueError, match=message):
            ConservativeDrifter().fit(rows)


def test_what_numpy_cannot_read(torch, dispatch):
    for rows in (torch.tensor(X).bfloat16(), torch.tensor(X).to_sparse()):
        with pytest.raises(ValueError, match=r"'X' \(torch on cpu, .* to NumPy"):
            ConservativeDrifter().fit(rows)
        with (
            config_context(array_api_dispatch=False),
            pytest.raises(ValueError, match=r"'X' is an array of the type Tensor"),
        ):
            ConservativeDrifter().fit(rows)


def test_not_fitted(library, dispatch):
    for verb in VERBS:
        with pytest.raises(ValueError, match="not fitted"):
            getattr(ConservativeDrifter(), verb)(library.array(QUERIES))


# -- scikit-learn's own checks -------------------------------------------------------


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("cls", CLASSES[:3])
def test_checks_of_scikit_learn(cls, dispatch):
    kinds = [
        ("numpy", None, "float64"),
        ("array_api_strict", "CPU_DEVICE", "float64"),
        ("array_api_strict", "device1", "float32"),
    ]
    check = estimator_checks.check_array_api_input_and_values
    if "check_sample_weight" not in inspect.signature(check).parameters:
        pytest.skip("the checks of this version of scikit-learn have no weights")
    for kind in kinds:
        with config_context(array_api_dispatch=False):
            check(cls.__name__, cls(max_iter=3), *kind, check_sample_weight=True)
    check = getattr(estimator_checks, "check_array_api_same_namespace", None)
    if check is not None:
        check(cls.__name__, cls(max_iter=3), "array_api_strict", "CPU_DEVICE")
