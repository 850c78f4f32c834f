from typing import final

@final
class RunThread: ...
