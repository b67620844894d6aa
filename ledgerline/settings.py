"""Base class of every settings section that params.yaml fills."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """A frozen section of params.yaml; a key that no field names is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
