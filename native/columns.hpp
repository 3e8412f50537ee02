// A history's columns, as Python has them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "table.hpp"

namespace python {

struct View {  // a column
  Py_buffer buffer{};
  View(PyObject* object, Py_ssize_t size) {
    if (PyObject_GetBuffer(object, &buffer, PyBUF_SIMPLE) < 0) throw PythonError{};
    if (buffer.itemsize != size) {
      PyBuffer_Release(&buffer);
      throw std::invalid_argument("a column has items of another size");
    }
  }
  View(const View&) = delete;
  View& operator=(const View&) = delete;
  ~View() { PyBuffer_Release(&buffer); }
  std::size_t size() const { return static_cast<std::size_t>(buffer.len / buffer.itemsize); }
  template <class T>
  const T* data() const {
    return static_cast<const T*>(buffer.buf);
  }
};

struct Given {  // well-formed columns
  View kinds, whose, did, with, why;
  Columns columns;

  // of: as History has them
  explicit Given(PyObject* of)
      : kinds(column(of, 0), 1), whose(column(of, 2), 8), did(column(of, 3), 4), with(column(of, 4), 4), why(column(of, 5), 4),
        columns{kinds.data<std::uint8_t>(), whose.data<std::int64_t>(), did.data<std::int32_t>(), with.data<std::int32_t>(),
                why.data<std::int32_t>(), kinds.size(), column(of, 6), column(of, 7)} {
    auto length = columns.size;
    if (!PyList_Check(columns.names) || !PyList_Check(columns.items)) throw std::invalid_argument("what the columns stand for are no lists");
    if (whose.size() != length || did.size() != length || with.size() != length || why.size() != length)
      throw std::invalid_argument("the columns differ in length");
    if (length >= INT32_MAX) throw std::invalid_argument("more events than the kernel can count");
    std::uint32_t name = 0, item = 0;  // the largest
    bool sound = true;
    for (std::size_t at = 0; at < length; at++) {
      sound &= columns.sound(at);
      name = std::max(name, static_cast<std::uint32_t>(columns.fs[at]));
      item = std::max({item, static_cast<std::uint32_t>(columns.values[at]), static_cast<std::uint32_t>(columns.errors[at])});
    }
    if (!sound) throw std::invalid_argument("the columns are not those of a history");
    if (length && (name >= PyList_Size(columns.names) || item >= PyList_Size(columns.items)))
      throw std::invalid_argument("the columns have numbers that stand for nothing");
  }

 private:
  static PyObject* column(PyObject* of, Py_ssize_t at) {
    auto* found = PyTuple_GetItem(of, at);
    if (!found) throw PythonError{};
    return found;
  }
};

inline Ref bytes_of(const std::vector<std::int32_t>& numbers) {
  return owned(PyBytes_FromStringAndSize(reinterpret_cast<const char*>(numbers.data()),
                                         static_cast<Py_ssize_t>(numbers.size() * sizeof(std::int32_t))));
}

}  // namespace python
