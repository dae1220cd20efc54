"""The types that a skops file may hold by default, besides the ones that skops itself trusts."""

TRUSTED_TYPES: tuple[str, ...] = ("sklearn.tree._tree.Tree",)
