"""The stop that the rules would arm for a position opened now: what an order by the risk is sized by (semantics 3)."""

from libc.math cimport NAN
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from ml4t.backtest.portfolio.armed_levels cimport clear_levels, level_or_nan
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.risk.frozen_inputs cimport FrozenInputs
from ml4t.backtest.risk.manager cimport RiskManager
from ml4t.backtest.risk.rule_plan cimport RulePlan
from ml4t.backtest.risk.said_levels cimport AssetSlots, Said

# So few that what is lost in currency is no reason to leave.
cdef double UNITS = 1e-9


# NaN: they would arm none. What they have said of a position that there is stays as it is.
cdef double opening_stop(RiskManager manager, int32_t asset, double side, double price) except? -1.0:
    cdef RulePlan plan = manager.plan
    cdef FrozenInputs inputs = plan.inputs
    cdef AssetSlots* slots = &plan.of[asset]
    cdef int64_t armed = plan.levels_armed
    cdef size_t said_bytes
    cdef char* kept
    cdef Position position
    plan.begin(asset)
    if slots.n == 0:
        return NAN
    said_bytes = <size_t> slots.n * sizeof(Said)
    kept = <char*> malloc(said_bytes + 4 * <size_t> inputs.n * sizeof(double))
    if kept == NULL:
        raise MemoryError(f"no memory for {slots.n} rules of an asset")
    memcpy(kept, slots.said, said_bytes)
    inputs.copy_out(asset, <double*> (kept + said_bytes))
    _begin(&position, asset, side, price)
    position.opened_t = manager.cursor.run_t()
    position.entry_time = manager.cursor.now
    try:
        plan.open_position(&position, False, manager.portfolio.account)
        inputs.forget(asset)
        inputs.read_now(&position, manager.portfolio.account)
        manager._ask(&position, True, True, NULL)
        plan.arm(&position, &manager.settings, False, False)
    finally:
        plan.levels_armed = armed
        memcpy(slots.said, kept, said_bytes)
        inputs.copy_in(asset, <double*> (kept + said_bytes))
        free(kept)
        if manager.positions.at[asset].levels.watches:
            plan.watch(asset)
    return level_or_nan(position.levels.stop)


cdef void _begin(Position* position, int32_t asset, double side, double price) noexcept nogil:
    memset(position, 0, sizeof(Position))
    position.asset = asset
    position.quantity = side * UNITS
    position.entered = position.largest = UNITS
    position.entry_price = position.entry_average = position.basis = price
    position.water = position.best = position.worst = price
    position.split_ratio = 1.0
    position.stop_at_entry = position.target_at_entry = position.initial_risk = NAN
    clear_levels(&position.levels, side)
