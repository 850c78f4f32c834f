"""Contexts: builds what Python rules look at, with the features their provider gives."""

cimport cython

from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.risk.context cimport RiskContext, context_of
from ml4t.backtest.risk.frozen_inputs cimport FrozenInputs

from ml4t.backtest.data.features.run_columns import RunColumns
from ml4t.backtest.data.features.providers import CallableFeatureProvider


@cython.final
cdef class Contexts:
    """The contexts of one run.

    Parameters
    ----------
    broker : Broker
    inputs : FrozenInputs
        Read the provider's columns too, where it has some.
    feature_provider : FeatureProvider or None
    """

    def __cinit__(self, Broker broker not None, FrozenInputs inputs not None, feature_provider):
        self.cursor = broker.cursor
        self.account = broker.portfolio.account
        self.settings = broker.settings
        self.inputs = inputs
        if feature_provider is not None:
            self._begin_provider(feature_provider)

    cdef int _begin_provider(self, object feature_provider) except -1:
        columns = RunColumns(feature_provider)
        made = columns.enter(self.cursor.data)
        if made is not None:
            self.columns = columns
            self.given, data = made
            self.inputs.enter(data)
        elif isinstance(feature_provider, CallableFeatureProvider):
            self.provider = feature_provider
        else:
            # Contexts of a close and of the opening after it ask for the same bar.
            self.provider = CallableFeatureProvider(
                feature_provider.get_features, feature_provider.get_market_features
            )

    # The run goes on in the next chunk: rules read the columns that go with it.
    cdef int enter(self, MarketData data) except -1:
        if self.columns is not None:
            self.given, data = self.columns.enter(data)
        return self.inputs.enter(data)

    cdef RiskContext new(self, const Position* position, bint opening, bint sees_bar):
        cdef RiskContext context = context_of(
            position, self.cursor, self.account, &self.settings, opening, sees_bar
        )
        self.n_built += 1
        context.provider = self.provider
        if self.given is not None:
            context.data = self.given
        if self.inputs.n > 0:
            context.frozen_inputs = self.inputs.of(position.asset)
        return context
