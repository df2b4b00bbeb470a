"""Models of superposition, small enough to solve: the null hypotheses for what SAEs find."""
