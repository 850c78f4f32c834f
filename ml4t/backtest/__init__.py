"""Event-driven backtester with a compiled core."""

from ml4t.backtest.core.names_when_used import names_when_used

__all__, __getattr__, __dir__ = names_when_used(
    __name__,
    {
        "analytics.attribution": ["Attribution"],
        "analytics.errors": ["AnalysisError"],
        "analytics.suggested_levels": ["SuggestedLevels", "suggest_levels"],
        "backtest": ["BacktestEngine", "BoundsResult", "InternalError", "run_backtest"],
        "calendars": ["Sessions"],
        "config": ["BacktestConfig", "Commission", "Slippage"],
        "contribution": ["RuleContribution", "rule_contribution"],
        "core.build": ["build_profile"],
        "cost_models": ["CostModelError", "PossibleFill"],
        "data": ["DataError", "DataFeed", "MarketData"],
        "execution.views": ["Fill", "Order"],
        "lookahead": ["LookaheadReport", "check_lookahead"],
        "market.cross_section": ["CrossSection"],
        "market.event": ["MarketEvent"],
        "records.errors": ["ResultError"],
        "report.story.trade_story": ["TradeStory"],
        "result": ["BacktestResult"],
        "risk.rule": ["ReusedRuleWarning"],
        "strategy.errors": ["BacktestInterrupted", "ReusedStrategyWarning", "StrategyError"],
        "strategy.signal_strategy": ["SignalStrategy"],
        "strategy.strategy": ["CompiledStrategy", "Strategy"],
        "strategy.target_weights": ["TargetWeights"],
        "strategy.top_k": ["TopK"],
    },
)
