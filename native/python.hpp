// Python objects in C++: owned, and errors as exceptions.
#pragma once

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include <utility>

namespace python {

struct PythonError {};  // the interpreter knows which

struct Ref {  // owns a reference
  PyObject* it = nullptr;
  Ref() = default;
  explicit Ref(PyObject* object) : it(object) {}
  Ref(const Ref&) = delete;
  Ref& operator=(const Ref&) = delete;
  Ref(Ref&& other) noexcept : it(std::exchange(other.it, nullptr)) {}
  Ref& operator=(Ref&& other) noexcept {
    std::swap(it, other.it);
    return *this;
  }
  ~Ref() { Py_XDECREF(it); }
};

inline Ref owned(PyObject* object) {
  if (!object) throw PythonError{};
  return Ref(object);
}

inline Ref borrowed(PyObject* object) {
  Py_XINCREF(object);
  return owned(object);
}

// Held even if Python code that runs meanwhile takes it out of the list.
inline Ref item(PyObject* list, Py_ssize_t at) { return borrowed(PyList_GetItem(list, at)); }

struct Deeper {  // into a value: not without end
  Deeper() {
    if (Py_EnterRecursiveCall(" in a value") != 0) throw PythonError{};
  }
  Deeper(const Deeper&) = delete;
  Deeper& operator=(const Deeper&) = delete;
  ~Deeper() { Py_LeaveRecursiveCall(); }
};

struct Holding {  // the interpreter's lock
  PyGILState_STATE state = PyGILState_Ensure();
  ~Holding() { PyGILState_Release(state); }
};

inline int number(PyObject* object) {
  auto value = PyLong_AsLong(object);
  if (value == -1 && PyErr_Occurred()) throw PythonError{};
  return static_cast<int>(value);
}

inline bool truth(PyObject* object) {
  auto value = PyObject_IsTrue(object);
  if (value < 0) throw PythonError{};
  return value != 0;
}

template <class... Arguments>
Ref call(const Ref& function, Arguments... arguments) {
  return owned(PyObject_CallFunctionObjArgs(function.it, arguments..., nullptr));
}

template <class... Items>
Ref tuple(Items... items) {
  auto made = owned(PyTuple_New(sizeof...(items)));
  Py_ssize_t at = 0;
  (PyTuple_SetItem(made.it, at++, std::exchange(items.it, nullptr)), ...);  // of a new one: cannot fail
  return made;
}

// What a dictionary says of a key, or -1.
inline int look(const Ref& dict, PyObject* key) {
  auto* known = PyDict_GetItemWithError(dict.it, key);
  if (!known && PyErr_Occurred()) throw PythonError{};
  return known ? number(known) : -1;
}

inline int note(const Ref& dict, PyObject* key, int value) {
  auto object = owned(PyLong_FromLong(value));
  if (PyDict_SetItem(dict.it, key, object.it) < 0) throw PythonError{};
  return value;
}

}  // namespace python
