"""Where the diagram of an estimator in a notebook leads to."""

import os


class DocLinkMixin:
    """Link to the page of a class, in scikit-learn's HTML representation of estimators.

    The environment variable ``SKDRIFT_DOC_URL`` has the address of a built copy of the
    documentation, absolute or relative to the page that shows the diagram. Without it
    there is no link.
    """

    @property
    def _doc_link_module(self):
        # scikit-learn links the classes of this package: no address, no package.
        return "skdrift" if _address() else ""

    @property
    def _doc_link_template(self):
        address = _address().rstrip("/").replace("{", "{{").replace("}", "}}")
        return address + "/generated/{estimator_module}.{estimator_name}.html"


def _address():
    return os.environ.get("SKDRIFT_DOC_URL", "")
