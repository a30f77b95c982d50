"""The neurons of both forms as fused scans over time: one description per form, turned into source for Numba or Triton.

`integer_step` and `float_step` say what a step computes, in the operations of `expression`; `numba_source` and
`triton_source` write it as a loop over time; `modules` keeps what they wrote; `cells` runs it.
"""
