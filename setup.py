"""Builds what is native: the search for linearizations and a reader. Without a compiler the package does without."""

from setuptools import Extension, setup

HEADERS = ("edn", "machine", "python", "search", "sweep", "table", "values")

setup(
    ext_modules=[
        Extension(
            "dsm_jepsen._native",
            sources=["native/module.cpp"],
            depends=[f"native/{name}.hpp" for name in HEADERS],
            language="c++",
            extra_compile_args=["-std=c++20", "-O3", "-g0"],
            extra_link_args=["-pthread"],
            py_limited_api=True,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
