"""
The errors a user of kcity_geo can meet, and the one warning.

::

    KCityError
    |- StudyError            (ValueError)   a study file, key or argument is wrong
    |  |- LandBudgetError                   a site does not hold what is asked of it
    |  '- LayoutError                       nothing can be drawn on a site
    |- CityNotFoundError     (LookupError)  no place, or several, by that name
    |- SourceError           (OSError)      an input is missing, broken or of the wrong kind
    |  |- OfflineError                      needed from the network, but offline
    |  '- SourceTimeoutError (TimeoutError) a server did not answer in time
    |- LimitError            (ValueError)   an input is larger than a stated limit
    |- CRSMismatchError      (ValueError)   two inputs are in different CRSs
    |- GridMismatchError     (ValueError)   two rasters are on different grids
    |- SchemaError           (ValueError)   a table or layer lacks a column
    |- CalibrationError      (ValueError)   an official rate cannot be reached by the model
    |- LicenceError          (ValueError)   a licence forbids the intended use
    '- OutputError           (OSError)      a result cannot be written

Every message says what is wrong, where (file or key), the value found and what to do.
"""

from __future__ import annotations

import re

__all__ = [
    "CRSMismatchError",
    "CalibrationError",
    "CityNotFoundError",
    "GridMismatchError",
    "KCityError",
    "KCityWarning",
    "LandBudgetError",
    "LayoutError",
    "LicenceError",
    "LimitError",
    "OfflineError",
    "OutputError",
    "SchemaError",
    "SourceError",
    "SourceTimeoutError",
    "StudyError",
    "one_line",
]

#: Control characters, and marks that reverse the reading direction or end a line.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def one_line(text: str) -> str:
    r"""
    Take out what a terminal would obey: what stands in a file never runs where a message is shown.

    Parameters
    ----------
    text : of any length, with words out of files.

    Returns
    -------
    The same in one line; each run of control characters is a space.

    Examples
    --------
    >>> one_line("layer=\x1b[2J\nerror: fake")
    'layer= [2J error: fake'
    """
    return _CONTROL.sub(" ", text)


class KCityError(Exception):
    """Base of every error that kcity_geo raises on purpose."""

    def __str__(self) -> str:
        """Give the message in one line, without control characters."""
        return one_line(super().__str__())


class StudyError(KCityError, ValueError):
    """A study file, a key in it or an argument is wrong."""


class LandBudgetError(StudyError):
    """A site does not hold what is asked of it; the message says what would."""


class LayoutError(StudyError):
    """Nothing can be drawn on a site; the message says why."""


class CityNotFoundError(KCityError, LookupError):
    """No place, or more than one, answers to the name."""


class SourceError(KCityError, OSError):
    """An input is missing, broken or of the wrong kind."""


class OfflineError(SourceError):
    """Something is needed from the network while offline."""


class SourceTimeoutError(SourceError, TimeoutError):
    """A server did not answer within the deadline."""


class LimitError(KCityError, ValueError):
    """An input is larger than a stated limit."""


class CRSMismatchError(KCityError, ValueError):
    """Two inputs are in different coordinate reference systems."""


class GridMismatchError(KCityError, ValueError):
    """Two rasters are on different grids."""


class SchemaError(KCityError, ValueError):
    """A table or layer lacks a column or has one of the wrong kind."""


class CalibrationError(KCityError, ValueError):
    """An official rate lies outside what the model can reach."""


class LicenceError(KCityError, ValueError):
    """A licence forbids the intended use."""


class OutputError(KCityError, OSError):
    """A result cannot be written."""


class KCityWarning(UserWarning):
    """Something about the quality of the data that the reader of a report must know."""
