// A history's columns, as Python has them.
#pragma once

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
  View kinds, who, whose;
  Columns columns;
  Given(PyObject* types, PyObject* processes, PyObject* partners, PyObject* fs, PyObject* values, PyObject* errors)
      : kinds(types, 1), who(processes, 8), whose(partners, 8),
        columns{kinds.data<std::uint8_t>(), who.data<std::int64_t>(), whose.data<std::int64_t>(), kinds.size(), fs, values, errors} {
    auto length = columns.size;
    auto size = static_cast<Py_ssize_t>(length);
    if (who.size() != length || whose.size() != length || PyList_Size(fs) != size || PyList_Size(values) != size)
      throw std::invalid_argument("the columns differ in length");
    if (length >= INT32_MAX) throw std::invalid_argument("more events than the kernel can count");
    for (std::size_t at = 0; at < length; at++)
      if (!columns.sound(at)) throw std::invalid_argument("the columns are not those of a history");
  }
};

inline Ref bytes_of(const std::vector<std::int32_t>& numbers) {
  return owned(PyBytes_FromStringAndSize(reinterpret_cast<const char*>(numbers.data()),
                                         static_cast<Py_ssize_t>(numbers.size() * sizeof(std::int32_t))));
}

}  // namespace python
