from typing import final

@final
class Holdings:
    def __new__(cls, n_assets: int) -> Holdings: ...
