"""The proving ground: small multimodal models of real architectures, how they are grown, and the shipped pair."""
