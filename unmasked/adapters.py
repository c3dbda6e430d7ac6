"""Models of others as denoisers: `um.adapters`.

`masked_lm(model)` takes a masked language model of Hugging Face transformers, as an object or a folder that
`save_pretrained` wrote (the extra `models`); `NetworkDenoiser(network, vocabulary)` any network of token ids, with the
mask anywhere, logits shifted by one, a noise level, or scores. Both are denoisers over the allowed tokens, the mask
last.
"""

from __future__ import annotations

from synthetic.adapters.hugging_face import masked_lm as masked_lm
from synthetic.adapters.network import NetworkDenoiser as NetworkDenoiser
from synthetic.adapters.network import OutsideMass as OutsideMass
from synthetic.adapters.vocabulary import Vocabulary as Vocabulary
