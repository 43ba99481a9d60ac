"""Keys of ``[report]`` in a study file: language, client, author, logo and text of one's own."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ReportSection"]

_LONGEST = 20_000


class ReportSection(BaseModel):
    """What the report says beside its findings, and in which language and forms it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)
    language: str = Field(
        default="en",
        min_length=2,
        max_length=1000,
        description="en, ko, or a file of texts (.toml) of another language",
    )
    client: str = Field(default="", max_length=200, description="for whom the study is made")
    author: str = Field(default="", max_length=200, description="who answers for it")
    logo: str = Field(
        default="", max_length=1000, description="picture for the head: .png or .jpg, at most 1 MB"
    )
    context: str = Field(
        default="",
        max_length=_LONGEST,
        description="chapter on context, policy and stakeholders: Markdown, or the path of an .md file",
    )
    pdf: bool = Field(default=False, description="also write report.pdf")
    docx: bool = Field(default=False, description="also write report.docx")
