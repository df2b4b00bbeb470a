from ._reproduce import reproduce as reproduce
