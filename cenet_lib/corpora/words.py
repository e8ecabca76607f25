"""Which of the words in a file were said, and what the words of a Chinese text are.

Files of words also hold signs that nobody said: aligners write one for a pause or a noise, and
tokenizers one for the beginning and the end. They are left out and counted by the `Collector`.

Chinese and Japanese are written without spaces. A text in their characters is cut into one word
per character: that is how the tokenizers of Chinese BERT models cut it in any case, so the model
reads the same whatever a segmenter would have called a word, and no segmenter has to be right. A
file with a *list* of words keeps them. Part of speech and polarity, where a file has them, are per
word of its list; the sources that come with this package know English only.
"""

import re
from collections.abc import Sequence

# The scripts that are written without spaces: kana, and CJK ideographs with their extensions.
_CJK = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_OF_TOKENIZERS = (
    r"(?i:\[(?:CLS|SEP|PAD|MASK|UNK|BOS|EOS|unused\d+)\]"
    r"|</?s>|<(?:pad|mask|unk|cls|sep|bos|eos|eps|sp|sil|spn|blank)>|<\|\w+\|>)"
)
_OF_ALIGNERS = r"sp|sil|SIL|spn|SPN|NW|\{[A-Z]{2}\}"  # pauses, noises, what is not a word
_SPECIAL = re.compile(f"{_OF_TOKENIZERS}|{_OF_ALIGNERS}")
_HAS_CJK = re.compile(f"[{_CJK}]")
_PIECES = re.compile(rf"{_OF_TOKENIZERS}|[{_CJK}]|[^\W{_CJK}]+(?:['’.-][^\W{_CJK}]+)*|[^\w\s]")


def special_places(words: Sequence[str]) -> list[int]:
    """Return the places of the words that are signs of an aligner or a tokenizer.

    >>> special_places(["[CLS]", "so", "sp", "good", "[SEP]"])
    [0, 2, 4]
    """
    return [place for place, word in enumerate(words) if _SPECIAL.fullmatch(word.strip())]


def cut(text: str) -> list[str]:
    """Return the words of a text: what is between its spaces, and each Chinese character alone.

    >>> cut("so  good"), cut("不错 iPhone 15吗？")
    (['so', 'good'], ['不', '错', 'iPhone', '15', '吗', '？'])
    """
    words: list[str] = []
    for chunk in text.split():
        words += _PIECES.findall(chunk) if _HAS_CJK.search(chunk) else [chunk]
    return words


def is_chinese(words: Sequence[str]) -> bool:
    """Tell whether most words are in Chinese or Japanese characters.

    >>> is_chinese(["不错", "OK", "，"]), is_chinese(["so", "好"]), is_chinese(["很", "好"])
    (False, False, True)
    """
    return sum(bool(_HAS_CJK.search(word)) for word in words) * 2 > len(words)


def are_characters(words: Sequence[str]) -> bool:
    """Tell whether words are Chinese characters, each alone.

    >>> are_characters(["不", "错", "OK"]), are_characters(["不错"]), are_characters(["OK"])
    (True, False, False)
    """
    chinese = [word for word in words if _HAS_CJK.search(word)]
    return bool(chinese) and all(len(word) == 1 for word in chinese)
