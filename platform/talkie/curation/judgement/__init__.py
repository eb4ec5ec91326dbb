"""Judgement: how good a clip is (`scores`), what is kept (`filters`, `recipes`), what is there twice (`duplicates`)."""
