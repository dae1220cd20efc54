"""The types that a skops file may hold by default, besides scikit-learn's public estimators, which skops itself trusts.

Each was found in a fitted estimator of scikit-learn, or is a sibling of one that was. Building one from a file's values
calls nothing that the file can choose; a function is one of scikit-learn's own, without side effects. What a user
writes and passes in (a metric, a transformation) is not here.
"""


def _of(module: str, names: str) -> tuple[str, ...]:
    return tuple(f"{module}.{name}" for name in names.split())


_DISTANCES = (
    "BrayCurtis Canberra Chebyshev Dice Euclidean Hamming Haversine Jaccard Mahalanobis Manhattan Minkowski "
    "RogersTanimoto RussellRao SEuclidean SokalMichener SokalSneath"
)

TRUSTED_TYPES: tuple[str, ...] = (
    "numpy.dtype",
    # Binds arguments to a function, which must be trusted itself.
    "functools.partial",
    *_of("sklearn.tree._tree", "Tree"),
    *_of("sklearn.ensemble._hist_gradient_boosting.predictor", "TreePredictor"),
    *_of("sklearn._loss.loss", "HalfTweedieLoss HalfTweedieLossIdentity"),
    *_of("sklearn.neighbors._kd_tree", "KDTree KDTree32 KDTree64"),
    *_of("sklearn.neighbors._ball_tree", "BallTree BallTree32 BallTree64"),
    *_of("sklearn.metrics._dist_metrics", " ".join(f"{name}Distance64" for name in _DISTANCES.split())),
    *_of("sklearn.metrics._dist_metrics", " ".join(f"{name}Distance32" for name in _DISTANCES.split())),
    *_of(
        "sklearn.gaussian_process.kernels",
        "CompoundKernel ConstantKernel DotProduct ExpSineSquared Exponentiation Matern PairwiseKernel Product RBF "
        "RationalQuadratic Sum WhiteKernel",
    ),
    *_of("sklearn.gaussian_process._gpc", "_BinaryGaussianProcessClassifierLaplace"),
    *_of("sklearn.calibration", "_CalibratedClassifier _SigmoidCalibration"),
    *_of("sklearn.cluster._bisect_k_means", "_BisectingTree"),
    *_of("sklearn.cluster._kmeans", "_kmeans_single_lloyd _kmeans_single_elkan"),
    *_of("sklearn.multiclass", "_ConstantPredictor"),
    *_of("sklearn.neural_network._stochastic_optimizers", "AdamOptimizer SGDOptimizer"),
    *_of("sklearn.compose._column_transformer", "make_column_selector"),
    *_of("sklearn.impute._iterative", "IterativeImputer _ImputerTriplet"),
    *_of("sklearn.feature_selection._univariate_selection", "chi2 f_classif f_regression r_regression"),
    *_of("sklearn.feature_selection._mutual_info", "mutual_info_classif mutual_info_regression"),
    *_of("sklearn.utils._bunch", "Bunch"),
    *_of("sklearn.utils.validation", "check_array"),
    *_of("sklearn.utils._metadata_requests", "MetadataRequest MethodMetadataRequest"),
    *_of("sklearn.metrics._scorer", "_Scorer _CurveScorer _PassthroughScorer"),
    *_of(
        "sklearn.metrics._classification",
        "accuracy_score balanced_accuracy_score f1_score jaccard_score log_loss matthews_corrcoef precision_score "
        "recall_score",
    ),
    *_of("sklearn.metrics._ranking", "average_precision_score roc_auc_score top_k_accuracy_score"),
    *_of(
        "sklearn.metrics._regression",
        "explained_variance_score max_error mean_absolute_error mean_absolute_percentage_error mean_gamma_deviance "
        "mean_poisson_deviance mean_squared_error mean_squared_log_error median_absolute_error r2_score "
        "root_mean_squared_error root_mean_squared_log_error",
    ),
    *_of(
        "sklearn.model_selection._split",
        "GroupKFold GroupShuffleSplit KFold LeaveOneGroupOut LeaveOneOut LeavePGroupsOut LeavePOut PredefinedSplit "
        "RepeatedKFold RepeatedStratifiedKFold ShuffleSplit StratifiedGroupKFold StratifiedKFold "
        "StratifiedShuffleSplit TimeSeriesSplit",
    ),
    "numpy.mean",
    "scipy.interpolate._bsplines.BSpline",
    "scipy._lib.array_api_compat.numpy._aliases.asarray",
)
