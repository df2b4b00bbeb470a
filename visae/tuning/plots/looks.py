"""The colours of lines that stand for populations or parts."""

# Okabe and Ito's colours, which the colour-blind can tell apart, and a dash of its own for each.
LOOKS = (
    ("#0072B2", "-"),
    ("#D55E00", "-"),
    ("#009E73", "--"),
    ("#CC79A7", "-."),
    ("#56B4E9", ":"),
    ("#E69F00", "--"),
    ("#000000", ":"),
)
