from typing import final

@final
class RuleEntry: ...

@final
class RuleList:
    def __new__(cls) -> RuleList: ...
