import skdrift

project = "skdrift"
author = "the skdrift developers"
copyright = "the skdrift developers"
version = release = skdrift.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "plot_",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
}
copybutton_exclude = ".linenos, .gp, .go"
exclude_patterns = ["_build"]
default_role = "code"
autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say more, in fewer words
# The classes list their methods in api.rst; inherited ones need scikit-learn's docs.
numpydoc_show_class_members = False

html_theme = "alabaster"
html_theme_options = {
    "description": "Generative drifting for scikit-learn",
    "page_width": "1040px",
}
