"""What `serveConfigV2` imports: `import_path: services.engines.ray.app:app`."""

from ray import serve
from ray.serve.schema import LoggingConfig

from services.engines.ray.config import REPLICAS, EngineConfig
from services.engines.ray.replica import Predictor

predictor = serve.deployment(
    name=REPLICAS,
    # Admission is Trivet's, and answers with what to expect; Ray's own limit only has to sit above it.
    max_ongoing_requests=EngineConfig().max_ongoing_requests,
    # One line per request is the contract's; Ray's own would be a second one, written before the answer is sent.
    logging_config=LoggingConfig(enable_access_log=False, log_level="WARNING"),
)(Predictor)

app = predictor.bind()
