"""The second tier: paraphrases, by sentence embeddings and stated facts."""
