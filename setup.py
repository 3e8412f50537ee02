"""Builds what is native: the search for linearizations, and a reader. Without a compiler there is none.

``DSM_JEPSEN_KERNEL=required`` makes a failure to build an error; wheels for others are built so.
"""

import os
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SOURCE = "native/module.cpp"
HERE = Path(__file__).parent
HEADERS = sorted(path.relative_to(HERE).as_posix() for path in HERE.glob("native/*.hpp"))
STABLE_ABI = sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")


class BuildKernel(build_ext):
    """Gives every compiler its flags, and says what it means if there is none."""

    def build_extension(self, ext: Extension) -> None:
        """Build it, or say what people will miss."""
        if self.compiler.compiler_type == "msvc":
            ext.extra_compile_args = ["/std:c++20", "/O2", "/EHsc"]
        else:
            hidden = ["-fvisibility=hidden", "-fvisibility-inlines-hidden"]
            ext.extra_compile_args = ["-std=c++20", "-O3", "-g0", *hidden, "-pthread"]
            ext.extra_link_args = ["-pthread"]
            if sys.platform == "linux":
                ext.extra_compile_args += ["-fno-plt"]
                ext.extra_link_args += ["-Wl,-s"]
        try:
            super().build_extension(ext)
        except Exception:
            self.warn(
                "dsm-jepsen's native kernel was not built: that needs a compiler of C++20, such as g++. "
                "The package works without, but judges large histories slowly: see `dsm-jepsen doctor`."
            )
            raise


setup(
    cmdclass={"build_ext": BuildKernel},
    ext_modules=[
        Extension(
            "dsm_jepsen._native",
            sources=[SOURCE],
            depends=HEADERS,
            language="c++",
            py_limited_api=True,
            optional=os.environ.get("DSM_JEPSEN_KERNEL") != "required",
        )
    ]
    if STABLE_ABI
    else [],
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if STABLE_ABI else {},
)
