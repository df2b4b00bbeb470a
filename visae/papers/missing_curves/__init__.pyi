from ._reproduce import missing_curves as missing_curves
