import os

# Small matrix products, as in training the networks of the gallery, are slower by
# several threads, and on a busy machine beyond measure. Before NumPy is imported.
os.environ["OMP_NUM_THREADS"] = "1"

import re
import sys
from functools import partial
from pathlib import Path

from docutils.nodes import SkipNode
from docutils.utils.math import latex2mathml

import skdrift

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from inventory import own_members

project = "skdrift"
author = "the skdrift developers"
copyright = "the skdrift developers"
version = release = skdrift.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_copybutton",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "plot_",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "write_computation_times": False,
    "thumbnail_size": (640, 400),
}
copybutton_exclude = ".linenos, .gp, .go"
exclude_patterns = ["_build"]
source_suffix = {".rst": "restructuredtext"}
templates_path = ["_templates"]
default_role = "code"
autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"
autosummary_context = {"own_members": own_members}
autodoc_typehints = "none"  # the docstrings say more, in fewer words
# The pages of classes list their own methods; inherited ones need scikit-learn's docs.
numpydoc_show_class_members = False

# Names of other projects, whose sites cannot be asked here, and types in words.
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(sklearn|numpy|scipy|matplotlib)\..*"),
    ("py:class", r"collections\.abc\.Callable"),
]
# Sphinx cannot compare the function in autosummary_context between two builds.
suppress_warnings = ["config.cache"]

html_math_renderer = "mathml"

html_theme = "pydata_sphinx_theme"
html_title = "skdrift"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
# Pages without subpages need no navigation of their section.
html_sidebars = {
    page: []
    for page in (
        "start/getting_started",
        "reference/extending",
        "reference/references",
        "reference/changelog",
    )
}
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}


# The thin spaces that TeX puts around the names of functions, as in "d log k".
_FUNCTION = r"\s*<mi>[a-z]+</mi>\s*<mo>&ApplyFunction;</mo>"
_SPACE = '<mspace width="0.17em"/>'


def _visit_math(translator, node, as_block=False):
    """Write a formula as MathML, which browsers read without a script or network."""
    mathml = latex2mathml.tex2mathml(node.astext(), as_block)
    mathml = re.sub(rf"(</m(?:i|n|sub|sup)>)(?={_FUNCTION})", rf"\1{_SPACE}", mathml)
    mathml = re.sub(rf"({_FUNCTION})(?!\s*<mo)", rf"\1{_SPACE}", mathml)
    # Bars are brackets here, not relations with space around them.
    bar = '<mo stretchy="false" lspace="0" rspace="0">|</mo>'
    mathml = mathml.replace('<mo stretchy="false">|</mo>', bar)
    translator.body.append(mathml)
    raise SkipNode


def setup(app):
    blocks = partial(_visit_math, as_block=True)
    app.add_html_math_renderer("mathml", (_visit_math, None), (blocks, None))
