from typing import final

from ml4t.backtest.data.features.providers import FeatureProvider
from ml4t.backtest.execution.broker import Broker
from ml4t.backtest.risk.frozen_inputs import FrozenInputs

@final
class Contexts:
    def __new__(
        cls, broker: Broker, inputs: FrozenInputs, feature_provider: FeatureProvider | None
    ) -> Contexts: ...
