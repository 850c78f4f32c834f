# The numbers of a slot, for a position: those it was given, or those that columns said of it.

cimport cython
from libc.math cimport INFINITY, NAN, isnan
from libc.stdint cimport int32_t

from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.risk.frozen_inputs cimport FrozenInputs
from ml4t.backtest.risk.said_levels cimport FORM_DISTANCE, FORM_PRICE, Slot


# A number, or what its column says, where it lies between 0 and a limit; else NaN.
cdef inline double number_of(
    double number, int32_t column, FrozenInputs inputs, int32_t asset, double below
) noexcept nogil:
    if column < 0:
        return number
    number = inputs.input[column].value[asset]
    return number if 0.0 < number < below else NAN


cdef inline double activation_of(const Slot* slot, FrozenInputs inputs, int32_t asset) noexcept nogil:
    return number_of(slot.activation, slot.activation_input, inputs, asset, INFINITY)


cdef inline double tighten_of(const Slot* slot, FrozenInputs inputs, int32_t asset) noexcept nogil:
    return number_of(slot.tighten, slot.tighten_input, inputs, asset, INFINITY)


cdef inline double floor_of(const Slot* slot, FrozenInputs inputs, int32_t asset) noexcept nogil:
    return number_of(slot.floor, slot.floor_input, inputs, asset, 1.0)


# What a signal is to be above, taken times the multiple as it is.
cdef inline double beyond_of(const Slot* slot, FrozenInputs inputs, int32_t asset) noexcept nogil:
    if slot.beyond_input < 0:
        return slot.beyond
    return slot.multiple * inputs.input[slot.beyond_input].value[asset]


# The parameter; NaN where a column that it, or a number beside it, is read from has no valid value. No division by
# zero: ratios of splits are positive.
@cython.cdivision(True)
cdef inline double parameter_of(
    const Slot* slot, FrozenInputs inputs, const Position* position
) noexcept nogil:
    cdef int32_t asset = position.asset
    cdef double value = slot.value
    cdef double before = 1.0
    cdef double ratio = 1.0
    cdef double tighten
    cdef double floor
    if slot.reads:
        if slot.input >= 0:
            value = inputs.input[slot.input].value[asset]
            before = inputs.input[slot.input].splits_before[asset]
            ratio = inputs.input[slot.input].split_ratio[asset]
        value = value * number_of(slot.multiple, slot.multiple_input, inputs, asset, INFINITY)
        if isnan(value) or value >= slot.high or value < slot.low:
            return NAN
        if value == slot.low and not slot.low_closed:
            return NAN
        if slot.activation_input >= 0 and isnan(activation_of(slot, inputs, asset)):
            return NAN
        if slot.beyond_input >= 0 and isnan(beyond_of(slot, inputs, asset)):
            return NAN
    if slot.form == FORM_PRICE or slot.form == FORM_DISTANCE:
        return value / (before * (position.split_ratio / ratio))
    if slot.tightens:
        tighten = tighten_of(slot, inputs, asset)
        floor = floor_of(slot, inputs, asset)
        if isnan(tighten) or isnan(floor):
            return NAN
        value = value - tighten * <double> position.bars_held
        return value if value > floor else floor
    return value
