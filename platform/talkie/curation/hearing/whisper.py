"""Speech to text with Whisper's weights where the user has them: language, words and how sure they are, no times.

Words are placed in time by `talkie.speech.alignment`, which knows phones; Whisper's own word times are not used."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from talkie.clip import SAMPLE_RATE
from talkie.errors import BadConfig, MissingExtra
from talkie.speech.samples import as_float

WINDOW_S = 30.0
"""What Whisper hears at once (Radford et al., "Robust speech recognition via large-scale weak supervision", 2022)."""
_PREFIX = "openai-whisper:"


@dataclass(frozen=True)
class Said:
    """text; language: Whisper's code of it; confidence: exp of the mean log probability of the text's tokens."""

    text: str
    language: str
    confidence: float


class Whisper:
    """Whisper through transformers, from a folder with its weights. Greedy, on the CPU or where `device` says."""

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        transformers = _transformers()
        if not (folder / "config.json").is_file():
            raise BadConfig("holds no Whisper weights", where=str(folder), cure="give the folder with its config.json")
        self.name = f"whisper {folder.name}"
        self.device = device
        try:
            self._model = transformers.WhisperForConditionalGeneration.from_pretrained(folder, local_files_only=True)
            self._ears = transformers.WhisperFeatureExtractor.from_pretrained(folder, local_files_only=True)
            self._tokens = transformers.WhisperTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError, TypeError) as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise BadConfig(f"cannot be loaded: {first}", where=str(folder), cure="give a whole checkpoint") from error
        self._model.eval().to(device)
        self._languages = {
            token[2:-2]: number
            for token, number in self._tokens.get_vocab().items()
            if token.startswith("<|") and token.endswith("|>") and token[2:-2].isalpha() and len(token) in (6, 7)
        }
        if not self._languages:
            raise BadConfig("its tokens name no language", where=str(folder), cure="use a multilingual checkpoint")

    def transcribe(self, audio: np.ndarray) -> Said:
        """(N,) float32 or int16 at 16 kHz, of any length: windows of 30 s, the language of the first for all."""
        texts: list[str] = []
        logs: list[float] = []
        language: int | None = None
        size = round(WINDOW_S * SAMPLE_RATE)
        for first in range(0, max(len(audio), 1), size):
            language, text, found = self._window(as_float(audio[first : first + size]), language)
            texts.append(text)
            logs += found
        code = next(name for name, number in self._languages.items() if number == language)
        confidence = float(np.exp(np.mean(logs))) if logs else 0.0
        return Said(" ".join(t for t in texts if t), code, confidence)

    def _window(self, audio: np.ndarray, language: int | None) -> tuple[int, str, list[float]]:
        import torch

        features = self._ears(audio, sampling_rate=SAMPLE_RATE, return_tensors="pt").input_features.to(self.device)
        with torch.inference_mode():
            heard = self._model.model.encoder(features)
            start = self._number("<|startoftranscript|>")
            if language is None:
                logits = self._model(encoder_outputs=heard, decoder_input_ids=self._row([start])).logits[0, -1]
                codes = sorted(self._languages.values())
                language = codes[int(logits[codes].argmax())]
            prompt = [start, language, self._number("<|transcribe|>"), self._number("<|notimestamps|>")]
            written, logs = self._written(heard, prompt)
        return language, self._tokens.decode(written, skip_special_tokens=True).strip(), logs

    def _written(self, heard: Any, prompt: list[int]) -> tuple[list[int], list[float]]:
        """Tokens until the end of the text, the likeliest each time, and their log probabilities."""
        end = self._number("<|endoftext|>")
        tokens, logs, cache = list(prompt), [], None
        step = self._row(prompt)
        for _ in range(self._model.config.max_target_positions - len(prompt)):
            out = self._model(encoder_outputs=heard, decoder_input_ids=step, past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            odds = out.logits[0, -1].log_softmax(-1)
            # Only text and its end: language and task are settled, and times are not asked for.
            odds[end + 1 :] = -float("inf")
            best = int(odds.argmax())
            logs.append(float(odds[best]))
            if best == end:
                break
            tokens.append(best)
            step = self._row([best])
        return tokens[len(prompt) :], logs

    def _number(self, token: str) -> int:
        return int(self._tokens.convert_tokens_to_ids(token))

    def _row(self, tokens: list[int]) -> Any:
        import torch

        return torch.tensor([tokens], device=self.device)


class OpenAiWhisper:
    """The same through the package openai-whisper, by one of its names ("base"): it looks for the weights itself."""

    def __init__(self, name: str, device: str = "cpu") -> None:
        try:
            import whisper  # type: ignore[import-not-found]
        except ImportError as error:
            cure = "pip install 'talkie[whisper]', or give a folder with weights for transformers"
            raise MissingExtra("openai-whisper is not installed", where="whisper", cure=cure) from error
        self.name = f"openai-whisper {name}"
        self._model = whisper.load_model(name, device=device)

    def transcribe(self, audio: np.ndarray) -> Said:
        found = self._model.transcribe(as_float(audio), temperature=0.0)
        logs = [segment["avg_logprob"] for segment in found["segments"]]
        confidence = float(np.exp(np.mean(logs))) if logs else 0.0
        return Said(str(found["text"]).strip(), str(found["language"]), confidence)


@lru_cache(maxsize=1)
def load_whisper(place: str, device: str = "cpu") -> Whisper | OpenAiWhisper:
    """A folder of weights for transformers, or "openai-whisper:NAME". Raises BadConfig, MissingExtra."""
    if place.startswith(_PREFIX):
        return OpenAiWhisper(place.removeprefix(_PREFIX), device)
    return Whisper(Path(place), device)


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        cure = "pip install 'talkie[features]'"
        raise MissingExtra("transformers is not installed", where="whisper", cure=cure) from error
    return transformers
