"""Pictures: what the artists contain, against the methods of the drifters."""

import builtins
import subprocess
import sys

import numpy as np
import pandas
import polars
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import moons
from scipy.spatial.distance import cdist
from sklearn.datasets import load_wine
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdrift import ConservativeDrifter, LaplaceDrifter, SharpDrifter
from skdrift.metrics import closest_record_ratio, memorization_auc
from skdrift.plotting import (
    ConvergenceDisplay,
    MemorizationDisplay,
    SampleDisplay,
    TrajectoryDisplay,
    VelocityFieldDisplay,
)
from skdrift.tables import TabularDrifter

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

MOONS = moons(120)
WINE = load_wine(as_frame=True).data[["flavanoids", "proline", "ash", "hue"]]
DRIFTER = ConservativeDrifter(random_state=0).fit(MOONS)
WINE_DRIFTER = ConservativeDrifter(random_state=0).fit(WINE)
OF_A_DRIFTER = [VelocityFieldDisplay, TrajectoryDisplay, ConvergenceDisplay]
OF_DRAWS = [SampleDisplay, MemorizationDisplay]
# Matplotlib of 2023 calls functions by names that pyparsing of today warns about.
pytestmark = pytest.mark.filterwarnings(
    "error", "ignore:.*deprecated:DeprecationWarning:matplotlib"
)


def picture(display, drifter=DRIFTER, X=MOONS, **kwargs):
    if display is not ConvergenceDisplay:
        kwargs["X" if display not in [MemorizationDisplay] else "train"] = X
    return display.from_estimator(drifter, **kwargs)


def texts(legend):
    return [text.get_text() for text in legend.get_texts()]


# -- all displays --------------------------------------------------------------------


@pytest.mark.parametrize("display", [*OF_A_DRIFTER, *OF_DRAWS])
def test_given_axes_are_drawn_into_and_plot_draws_again(display):
    _, ax = plt.subplots()
    shown = picture(display, ax=ax)
    assert isinstance(shown, display)
    assert shown.ax_ is ax
    assert shown.figure_ is ax.figure
    assert len(plt.get_fignums()) == 1
    assert shown.plot() is shown
    assert shown.ax_ is not ax
    shown.figure_.canvas.draw()


@pytest.mark.parametrize("display", OF_A_DRIFTER)
def test_only_fitted_drifters(display):
    with pytest.raises(NotFittedError):
        picture(display, ConservativeDrifter())
    with pytest.raises(TypeError, match="KernelDensity has none"):
        picture(display, KernelDensity().fit(MOONS))


@pytest.mark.parametrize("display", OF_DRAWS)
def test_only_fitted_generators(display):
    with pytest.raises(NotFittedError):
        picture(display, ConservativeDrifter())
    with pytest.raises(TypeError, match="StandardScaler has none"):
        picture(display, StandardScaler().fit(MOONS))
    with pytest.raises(ValueError, match="n_samples == 0"):
        picture(display, n_samples=0)


@pytest.mark.parametrize("display", [*OF_A_DRIFTER, *OF_DRAWS])
def test_matplotlib_is_asked_for_by_name(display, monkeypatch):
    import_module = builtins.__import__

    def without_matplotlib(name, *arguments, **kwargs):
        if name.partition(".")[0] == "matplotlib":
            raise ImportError(name)
        return import_module(name, *arguments, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_matplotlib)
    with pytest.raises(
        ImportError, match=f"{display.__name__}.from_estimator requires"
    ):
        picture(display)


def test_matplotlib_is_not_imported_with_the_module():
    code = "import sys, skdrift.plotting; print('matplotlib' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "False", run.stderr


@pytest.mark.parametrize("display", [VelocityFieldDisplay, TrajectoryDisplay])
@pytest.mark.parametrize(
    ("features", "message"),
    [
        ((0, 9), "has 9, which is neither an index between -4 and 3 nor"),
        (("ash", "alcohol"), "has 'alcohol', which is neither"),
        ((1, 1), "must be distinct columns"),
        ((0, 1, 2), "must be 2 columns"),
        ("ash", "must be 2 columns"),
        (None, "has None, which is neither"),
    ],
)
def test_features_that_are_no_plane(display, features, message):
    with pytest.raises(ValueError, match=f"'features' parameter {message}"):
        picture(display, WINE_DRIFTER, WINE, features=features)


@pytest.mark.parametrize(
    "display",
    [VelocityFieldDisplay, TrajectoryDisplay, SampleDisplay, MemorizationDisplay],
)
def test_columns_in_another_order(display):
    with pytest.raises(ValueError, match="in the same order"):
        picture(display, WINE_DRIFTER, WINE[WINE.columns[::-1]])


# -- velocity field ------------------------------------------------------------------


@pytest.mark.parametrize("drifter", [ConservativeDrifter(), SharpDrifter()])
def test_arrows_are_velocities_and_contours_the_potential(drifter):
    drifter.set_params(random_state=0).fit(MOONS)
    shown = picture(VelocityFieldDisplay, drifter, grid_resolution=21)
    places = np.column_stack([shown.quiver_.X.ravel(), shown.quiver_.Y.ravel()])
    velocity = drifter.velocity(places)
    assert_allclose(np.ravel(shown.quiver_.U), velocity[:, 0], atol=1e-12)
    assert_allclose(np.ravel(shown.quiver_.V), velocity[:, 1], atol=1e-12)
    assert len(places) == 36  # every fourth of 21, twice
    a, b = np.meshgrid(*shown.grid)
    potential = drifter.potential(np.column_stack([a.ravel(), b.ravel()]))
    potential = potential.reshape(21, 21) / drifter.bandwidth_**2
    assert_allclose(shown.background, potential, atol=1e-12)
    levels = shown.contours_.levels
    assert_allclose(levels, -levels[::-1], atol=1e-12)
    assert 5 <= len(levels) <= 16
    # The colours change for nine tenths of the grid, not for the outermost places.
    beyond = np.mean(np.abs(potential) > levels[-1])
    assert beyond <= 0.1
    # Places of the grid are in the region between the levels around their potential.
    regions = getattr(shown.contours_, "get_paths", list)()  # not before matplotlib 3.8
    region = np.digitize(potential, levels)
    for i, j in np.random.default_rng(0).integers(1, 20, (40 if regions else 0, 2)):
        place = [shown.grid[0][j], shown.grid[1][i]]
        assert regions[region[i, j]].contains_point(place)
    assert "potential" in shown.colorbar_.ax.get_ylabel()
    assert texts(shown.ax_.get_legend()) == ["data", "particles"]
    assert_allclose(shown.data_.get_offsets(), MOONS)
    assert_allclose(shown.particles_.get_offsets(), drifter.particles_)


def test_speed_where_there_is_no_potential():
    drifter = LaplaceDrifter(random_state=0).fit(MOONS)
    shown = picture(VelocityFieldDisplay, drifter, grid_resolution=9, arrow_step=1)
    speed = np.hypot(
        np.reshape(shown.quiver_.U, (9, 9)) / drifter.scale_[0],
        np.reshape(shown.quiver_.V, (9, 9)) / drifter.scale_[1],
    )
    assert_allclose(shown.background, speed / drifter.bandwidth_, atol=1e-12)
    assert shown.contours_.levels[0] == 0
    assert "speed" in shown.colorbar_.ax.get_ylabel()


@pytest.mark.parametrize("reference", [None, WINE.min().to_numpy()])
@pytest.mark.parametrize("features", [("hue", "proline"), (3, -3)])
def test_a_plane_in_more_columns(reference, features):
    shown = picture(
        VelocityFieldDisplay,
        WINE_DRIFTER,
        WINE,
        features=features,
        reference=reference,
        grid_resolution=5,
    )
    rows = np.tile(WINE.median() if reference is None else reference, (25, 1))
    rows[:, 3] = np.tile(shown.grid[0], 5)
    rows[:, 1] = np.repeat(shown.grid[1], 5)
    velocity = WINE_DRIFTER.velocity(pandas.DataFrame(rows, columns=WINE.columns))
    assert_allclose(shown.velocity.reshape(25, 2), velocity[:, [3, 1]], atol=1e-12)
    assert (shown.ax_.get_xlabel(), shown.ax_.get_ylabel()) == ("hue", "proline")
    assert_allclose(shown.data_.get_offsets(), WINE[["hue", "proline"]])
    # All points are inside the picture.
    points = np.vstack([WINE, WINE_DRIFTER.particles_])[:, [3, 1]]
    low, high = np.transpose([shown.ax_.get_xlim(), shown.ax_.get_ylim()])
    assert np.all((low < points) & (points < high))


def test_other_frames():
    frame = polars.DataFrame({"a": MOONS[:, 0], "b": MOONS[:, 1]})
    drifter = ConservativeDrifter(random_state=0).fit(frame)
    shown = picture(VelocityFieldDisplay, drifter, frame, grid_resolution=5)
    assert (shown.ax_.get_xlabel(), shown.ax_.get_ylabel()) == ("a", "b")


def test_input_of_the_velocity_field():
    one = ConservativeDrifter(random_state=0).fit(MOONS[:, :1])
    with pytest.raises(ValueError, match="at least two columns"):
        picture(VelocityFieldDisplay, one, MOONS[:, :1])
    with pytest.raises(ValueError, match=r"'X' has 1 columns but .* fitted to 2"):
        picture(VelocityFieldDisplay, X=MOONS[:, :1])
    with pytest.raises(ValueError, match="'reference' parameter must be 2 finite"):
        picture(VelocityFieldDisplay, reference=[0, np.nan])
    with pytest.raises(ValueError, match="grid_resolution == 1"):
        picture(VelocityFieldDisplay, grid_resolution=1)
    with pytest.raises(ValueError, match="margin == -1"):
        picture(VelocityFieldDisplay, margin=-1)
    with pytest.raises(ValueError, match="arrow_step == 0"):
        picture(VelocityFieldDisplay, grid_resolution=5, arrow_step=0)


# -- trajectories --------------------------------------------------------------------


@pytest.mark.parametrize("n_paths", [7, None, 10**6])
def test_paths_lead_from_the_start_to_the_end(n_paths):
    shown = picture(
        TrajectoryDisplay,
        WINE_DRIFTER,
        WINE,
        features=["proline", "ash"],
        n_paths=n_paths,
        linewidths=2.5,
    )
    paths = np.array(shown.paths_.get_segments())
    n = 7 if n_paths == 7 else len(WINE_DRIFTER.particles_)
    assert paths.shape == (n, WINE_DRIFTER.n_iter_ + 1, 2)
    assert_array_equal(shown.starts_.get_offsets(), paths[:, 0])
    assert_array_equal(shown.ends_.get_offsets(), paths[:, -1])
    # Every path is that of one particle.
    start, end = WINE_DRIFTER.start_[:, [1, 2]], WINE_DRIFTER.particles_[:, [1, 2]]
    chosen = [np.flatnonzero((start == path[0]).all(axis=1)).item() for path in paths]
    assert len(set(chosen)) == n
    assert_array_equal(paths[:, -1], end[chosen])
    assert shown.paths_.get_linewidths() == [2.5]
    assert texts(shown.ax_.get_legend()) == ["data", "start", "end"]
    assert shown.ax_.get_xlabel() == "proline"


def test_paths_without_data():
    shown = TrajectoryDisplay.from_estimator(DRIFTER, n_paths=5)
    assert shown.data_ is None
    assert texts(shown.ax_.get_legend()) == ["start", "end"]
    assert shown.ax_.get_ylabel() == "column 1"
    with pytest.raises(ValueError, match="n_paths == 0"):
        TrajectoryDisplay.from_estimator(DRIFTER, n_paths=0)
    with pytest.raises(ValueError, match="'X' has 1 columns"):
        TrajectoryDisplay.from_estimator(DRIFTER, MOONS[:, :1])


# -- convergence ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "drifter",
    [
        ConservativeDrifter(start="gaussian", early_stopping=False),
        ConservativeDrifter(annealing=[3, 2]),
    ],
)
def test_convergence(drifter):
    drifter.set_params(random_state=0).fit(MOONS)
    shown = ConvergenceDisplay.from_estimator(drifter, linestyle=":")
    n, history = drifter.n_iter_, drifter.history_
    steps, residual = shown.residual_line_.get_data()
    assert_array_equal(steps, np.arange(n + 1))
    assert_allclose(residual * history["bandwidth"], history["residual_velocity"])
    bandwidth = shown.bandwidth_line_.get_ydata()
    assert_allclose(bandwidth * drifter.bandwidth_, history["bandwidth"])
    assert_array_equal(shown.tol_line_.get_ydata(), drifter.tol)
    if drifter.stopped_by_ == "tol":
        assert residual[-1] <= drifter.tol < residual[-2]
    assert shown.stop_.get_xdata() == n
    assert shown.stop_.get_ydata() == residual[-1]
    title = f"stopped by {drifter.stopped_by_} after {n} steps"
    assert shown.ax_.get_title("left") == title
    assert "tol = 0.005" in texts(shown.ax_.get_legend())
    assert shown.ax_.get_yscale() == "log"
    assert shown.residual_line_.get_linestyle() == ":"


def test_no_line_for_no_tolerance():
    drifter = ConservativeDrifter(tol=0, start="gaussian", random_state=0).fit(MOONS)
    assert ConvergenceDisplay.from_estimator(drifter).tol_line_ is None


# -- samples -------------------------------------------------------------------------


def density(rows, edges):
    return np.histogram(rows, edges, density=True)[0]


def test_one_column_is_a_histogram():
    rows = WINE_DRIFTER.sample(90, random_state=5)
    shown = SampleDisplay.from_samples(rows, WINE, features="proline", bins=7)
    ((data, drawn),) = shown.histograms_
    assert shown.scatters_ == []
    values, edges, _ = drawn.get_data()
    assert len(values) == 7
    both = np.append(rows[:, 1], WINE["proline"])
    assert_allclose(edges, np.linspace(both.min(), both.max(), 8))
    assert_allclose(values, density(rows[:, 1], edges))
    assert_allclose(data.get_data().values, density(WINE["proline"], edges))
    assert shown.ax_.get_xlabel() == "proline"
    assert texts(shown.ax_.get_legend()) == ["data", "drawn"]


def test_two_columns_are_a_scatter_plot():
    shown = picture(SampleDisplay, n_samples=50, random_state=3, alpha=0.25)
    ((data, drawn),) = shown.scatters_
    assert shown.histograms_ == []
    assert_allclose(data.get_offsets(), MOONS)
    assert drawn.get_offsets().shape == (50, 2)
    assert drawn.get_alpha() == 0.25
    again = picture(SampleDisplay, n_samples=50, random_state=3)
    assert_array_equal(again.generated, shown.generated)
    other = picture(SampleDisplay, random_state=4)
    assert other.generated.shape == MOONS.shape


def check_pairs(shown, rows, columns):
    d = len(columns)
    assert shown.ax_.shape == (d, d)
    assert len(shown.histograms_) == d
    pairs = iter(shown.scatters_)
    for i, j in np.ndindex(d, d):
        ax = shown.ax_[i, j]
        if j > i:
            assert ax is None
            continue
        if j < i:
            points = next(pairs)[1].get_offsets()
            assert_allclose(points, rows[:, [columns[j], columns[i]]])
        assert ax.get_xlabel() == (WINE.columns[columns[j]] if i == d - 1 else "")
        assert ax.get_ylabel() == (WINE.columns[columns[i]] if j == 0 < i else "")
    assert next(pairs, None) is None


def test_more_columns_are_a_pair_plot():
    rows = WINE_DRIFTER.sample(60, random_state=5)
    chosen = {"features": [3, 0, 2]}
    shown = SampleDisplay.from_samples(rows, WINE, **chosen)
    check_pairs(shown, rows, [3, 0, 2])
    shown.figure_.canvas.draw()
    # In the place of other axes, and in axes of one's own.
    figure, (left, _) = plt.subplots(1, 2)
    shown = SampleDisplay.from_samples(rows, WINE, ax=left, **chosen)
    check_pairs(shown, rows, [3, 0, 2])
    assert shown.figure_ is figure
    figure.canvas.draw()
    half = figure.get_size_inches()[0] * figure.dpi / 2
    assert all(ax.get_window_extent().x1 < half for ax in shown.ax_[2])
    axes = plt.subplots(3, 3)[1]
    first = axes[0, 0]
    check_pairs(shown.plot(ax=axes), rows, [3, 0, 2])
    assert shown.ax_[0, 0] is first
    with pytest.raises(ValueError, match=r"shape \(3, 3\); got shape \(2, 3\)"):
        shown.plot(ax=plt.subplots(2, 3)[1])
    with pytest.raises(ValueError, match=r"'ax' parameter .* place in a grid"):
        shown.plot(ax=plt.figure().add_axes((0, 0, 1, 1)))


def test_four_columns_unless_more_are_asked_for():
    X = load_wine().data
    rows = X + 0.1
    assert SampleDisplay.from_samples(rows, X).ax_.shape == (4, 4)
    assert SampleDisplay.from_samples(rows, X, features=range(5)).ax_.shape == (5, 5)


@pytest.mark.parametrize(
    "generator",
    [
        KernelDensity(bandwidth=0.1),
        GaussianMixture(2),
        make_pipeline(StandardScaler(), ConservativeDrifter()),
    ],
    ids=lambda generator: type(generator).__name__,
)
@pytest.mark.parametrize("display", OF_DRAWS)
def test_other_generators(generator, display):
    shown = picture(display, generator.fit(MOONS), random_state=0)
    if display is SampleDisplay:
        # In data units.
        assert_allclose(shown.generated.mean(axis=0), MOONS.mean(axis=0), atol=0.25)
        assert_allclose(shown.generated.std(axis=0), MOONS.std(axis=0), rtol=0.25)
    else:
        assert shown.generated_distance.shape == (len(MOONS),)


def test_input_of_samples():
    with pytest.raises(ValueError, match="same columns"):
        SampleDisplay.from_samples(MOONS, WINE)
    with pytest.raises(ValueError, match="'feature_names' must be 2"):
        SampleDisplay.from_samples(MOONS, MOONS, feature_names=["a"])
    with pytest.raises(ValueError, match="'features' parameter"):
        SampleDisplay.from_samples(MOONS, MOONS, features=[])
    with pytest.raises(ValueError, match="bins == 0"):
        SampleDisplay.from_samples(MOONS, MOONS, bins=0)


# -- memorisation --------------------------------------------------------------------


@pytest.mark.parametrize("standardize", [True, False])
def test_memorisation_shows_the_metrics(standardize):
    train, test = train_test_split(WINE.to_numpy(), test_size=0.5, random_state=0)
    rows = ConservativeDrifter(random_state=0).fit(train).sample(80)
    shown = MemorizationDisplay.from_samples(
        rows, train=train, test=test, standardize=standardize, bins=11
    )
    scale = train.std(axis=0) if standardize else 1
    rows, train, test = rows / scale, train / scale, test / scale
    auc = memorization_auc(rows, test=test, train=train)
    ratio = closest_record_ratio(rows, test, train)
    assert_allclose([shown.auc, shown.ratio], [auc, ratio])
    legend = texts(shown.ax_.get_legend())
    assert legend == ["held-out rows", f"drawn rows: AUC {auc:.2f}, ratio {ratio:.2f}"]
    drawn, fresh = (cdist(x, train).min(axis=1) for x in (rows, test))
    for stairs, distance in ((shown.generated_, drawn), (shown.reference_, fresh)):
        values, edges, _ = stairs.get_data()
        assert len(values) == 11
        assert_allclose(values.sum(), 1)  # none is lost, also beyond the last edge
        inside = np.histogram(distance, edges[:-1])[0] / len(distance)
        assert_allclose(values[:-1], inside, atol=1.5 / len(distance))


def test_memorisation_by_leaving_rows_out():
    distance = cdist(MOONS, MOONS)
    np.fill_diagonal(distance, np.inf)
    rows = MOONS + 0.01
    shown = MemorizationDisplay.from_samples(rows, train=MOONS, standardize=False)
    assert_allclose(shown.reference_distance, distance.min(axis=1))
    drawn = cdist(rows, MOONS).min(axis=1)
    difference = np.sign(shown.reference_distance[:, None] - drawn)
    assert_allclose(shown.auc, np.mean(difference + 1) / 2)
    assert texts(shown.ax_.get_legend())[0] == "training rows, without themselves"


def test_copies_and_strangers():
    copies = MemorizationDisplay.from_samples(MOONS, train=MOONS)
    assert (copies.auc, copies.ratio) == (1.0, 0.0)
    assert copies.generated_.get_data().values[0] == 1
    strangers = MemorizationDisplay.from_samples(MOONS + 9, train=MOONS)
    assert strangers.auc == 0
    twins = np.repeat(MOONS[:9], 2, axis=0)
    assert np.isnan(MemorizationDisplay.from_samples(MOONS, train=twins).ratio)
    with pytest.raises(ValueError, match="at least two samples"):
        MemorizationDisplay.from_samples(MOONS, train=MOONS[:1])
    with pytest.raises(ValueError, match="same columns"):
        MemorizationDisplay.from_samples(MOONS, train=MOONS, test=WINE)


@pytest.mark.parametrize("frame", [pandas.DataFrame, polars.DataFrame])
def test_all_columns_of_mixed_tables_are_shown(frame):
    kinds = [None if i % 5 == 0 else f"kind {i % 3}" for i in range(len(WINE))]
    hue = [None if i % 7 == 0 else x for i, x in enumerate(WINE["hue"])]
    table = frame({"hue": hue, "kind": kinds, "proline": WINE["proline"]})
    drifter = TabularDrifter(ConservativeDrifter(random_state=0)).fit(table)
    shown = SampleDisplay.from_estimator(drifter, table, random_state=0)
    assert list(shown.feature_names) == ["hue", "kind", "proline"]
    assert shown.labels == {"kind": ["kind 0", "kind 1", "kind 2", "missing"]}
    shares = shown.histograms_[1][0].get_data().values
    expected = [kinds.count(kind) for kind in ("kind 0", "kind 1", "kind 2", None)]
    assert_allclose(shares, np.array(expected) / len(WINE))
    ticks = [text.get_text() for text in shown.ax_[2, 1].get_xticklabels()]
    assert ticks == shown.labels["kind"]
    points = shown.scatters_[2][0].get_offsets()  # kind and proline
    assert_array_equal(np.rint(points[:, 0]), shown.reference[:, 1])
    assert_allclose(points[:, 1], WINE["proline"])
    chosen = SampleDisplay.from_estimator(drifter, table, features=["kind"])
    assert chosen.feature_names == ["kind"]
    assert chosen.ax_.get_ylabel() == "share"
    rows = WINE.to_numpy()[:, :3]
    of_array = TabularDrifter(ConservativeDrifter(random_state=0)).fit(rows)
    assert SampleDisplay.from_estimator(of_array, rows).generated.shape == rows.shape


@pytest.mark.parametrize("frame", [pandas.DataFrame, polars.DataFrame])
def test_copies_among_mixed_tables(frame):
    rng = np.random.default_rng(0)
    kinds = rng.choice(["a", "b", None], (2, 80))
    train, test = (
        frame({"kind": kind.tolist(), "x": rng.standard_normal(80).tolist()})
        for kind in kinds
    )
    copies = MemorizationDisplay.from_samples(train, train=train, test=test)
    assert_array_equal(copies.generated_distance, 0)
    assert copies.auc > 0.95
    drifter = TabularDrifter(ConservativeDrifter(random_state=0)).fit(train)
    half = MemorizationDisplay.from_estimator(drifter, train, test=test, random_state=0)
    assert 0.3 < half.auc < 0.8
    with pytest.raises(ValueError, match=r"'test' .* lacks \['kind'\]"):
        MemorizationDisplay.from_samples(train, train=train, test=test[["x"]])
