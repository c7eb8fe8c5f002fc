"""What a launch that AAP refused means, and what a person can do about it.

::

    400, variables not allowed    VariablesIgnored    a workflow template says so, a job template would not
    403                           Forbidden           with the role that is missing
    404                           TemplateNotFound    it is gone since it was looked up
    413                           PayloadTooLarge     a proxy says so
    anything else                 as it was said
"""

from collections.abc import Mapping
from typing import Any

from aap_poller.controller import Template
from aap_poller.payload import too_large_for_aap
from aap_poller.templates import TEMPLATE_NOT_FOUND, VARIABLES_IGNORED, ignores_variables
from cloudkit.contracts.errors import Forbidden, Refused

NOT_ALLOWED = "not allowed on launch"
"""AWX's source: the words of a workflow template for variables that it does not prompt for."""


def explained(refused: Refused, template: Template, variables: Mapping[str, Any]) -> Refused:
    """*refused*, the answer to a launch of *template* with *variables*, with its reason and advice."""
    match refused.status:
        case 400 if NOT_ALLOWED in refused.message:
            return ignores_variables(template)
        case 403:
            need = f"The token needs the scope write, and its user Execute on template '{template.name}'"
            text = f"{refused.message}. {need}"
            return Forbidden(text, system="AAP", status=403)
        case 404:
            text = f"Template '{template.name}' is gone since it was looked up: {refused.message}"
            return Refused(text, system="AAP", status=404, reason=TEMPLATE_NOT_FOUND)
        case 413:
            return too_large_for_aap(variables, refused)
    return refused


def is_about_template(explained: Refused) -> bool:
    """Whether the template is not as we thought."""
    return explained.status == 404 or explained.reason == VARIABLES_IGNORED
