"""One golden case: a message, the session that it arrives on, and what is to be said about ExaBGP's answer."""


class Case:
    def __init__(self, file, name, raw, context="ebgp", want=None, note=None, fix=None):
        self.file, self.name, self.raw, self.context = file, name, raw, context
        self.want, self.note, self.fix = want, note, fix


class Book:
    """Collects the cases of one golden file."""

    def __init__(self, file, context="ebgp"):
        self.file, self.context, self.cases = file, context, []

    def add(self, name, raw, context=None, want=None, note=None, fix=None):
        self.cases.append(Case(self.file, name, raw, context or self.context, want, note, fix))
