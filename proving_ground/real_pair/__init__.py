"""Models that really speak: siblings grown from one really pretrained language model."""
