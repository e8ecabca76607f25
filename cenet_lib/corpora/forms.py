"""The table of the forms that open and of those that do not, for the README.

It is made of what the readers and `foreign` say of themselves, and a test holds the README to it:

    python -m cenet_lib.corpora.forms
"""

from .foreign import FOREIGN
from .loading import PICKLE_READERS


def table() -> str:
    """Return the table in Markdown.

    >>> print(table())  # doctest: +ELLIPSIS
    | form | what it looks like | opens |
    |---|---|---|
    | CENet pickle | `{train, dev, test}` → list of ... | yes |
    ...
    """
    from . import csd  # imports h5py, which is heavy and which no other format needs

    forms = [(reader.FORM, reader.HOLDS) for reader in PICKLE_READERS]
    rows = [(*form, "yes") for form in (*forms, (csd.FORM, csd.HOLDS))]
    rows += [(form.name, form.holds, f"no: {form.lacks}; take {form.instead}") for form in FOREIGN]
    head = ["| form | what it looks like | opens |", "|---|---|---|"]
    return "\n".join(head + [f"| {' | '.join(row)} |" for row in rows])


if __name__ == "__main__":
    print(table())
