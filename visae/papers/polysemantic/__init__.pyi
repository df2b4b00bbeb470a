from ._reproduce import polysemantic as polysemantic
