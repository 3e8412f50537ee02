"""Builds the native search for linearizations; without a compiler the package does without it."""

from setuptools import Extension, setup

HEADERS = ("machine", "python", "search", "sweep", "table", "values")

setup(
    ext_modules=[
        Extension(
            "dsm_jepsen.checkers.linearizability._kernel",
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
