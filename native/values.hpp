// Python's values as numbers.
#pragma once

#include <cstdint>
#include <array>
#include <vector>

#include "flat.hpp"
#include "python.hpp"

namespace python {

// Python's values as numbers; equal numbers for values that are equal as JSON: 1, 1.0 and true are three.
class Values {
 public:
  explicit Values(PyObject* canonical) : canonical_(borrowed(canonical)), strings_(owned(PyDict_New())), others_(owned(PyDict_New())) {}

  int number(PyObject* value) {
    if (value == Py_None) return special(none_, value);
    if (PyLong_Check(value) && !PyBool_Check(value)) {
      int overflow = 0;
      auto integer = PyLong_AsLongLongAndOverflow(value, &overflow);
      if (!overflow) {
        if (integer >= 0 && integer < SMALL) return special(small_[integer], value);
        auto [found, fresh] = integers_.try_emplace(integer, 0, 0);
        return fresh ? *found = add(value) : *found;
      }
    }
    if (PyUnicode_CheckExact(value)) return string(value);
    if (PyUnicode_Check(value)) return string(owned(PyUnicode_FromObject(value)).it);
    if (PyTuple_CheckExact(value) && PyTuple_Size(value) == 2) return number(owned(PySequence_List(value)).it);
    if (PyList_CheckExact(value) && PyList_Size(value) == 2) {
      Deeper deeper;
      auto one = number(item(value, 0).it), other = number(item(value, 1).it);
      auto [found, fresh] = pairs_.try_emplace(one, other, 0);
      if (fresh) {
        *found = add(value);
        halves_.try_emplace(*found, 0, {one, other});
      }
      return *found;
    }
    auto key = call(canonical_, value);
    return in(others_, key.it, value);
  }

  // The two values of a list of two; nullptr if it is something else.
  const std::pair<int, int>* halves(int number) const {
    return halves_.find(number, 0);
  }

  PyObject* object(int number) const { return objects_[number].it; }

 private:
  static constexpr int SMALL = 1024;

  int add(PyObject* value) {
    objects_.push_back(borrowed(value));
    return static_cast<int>(objects_.size()) - 1;
  }
  // A string that was met lately is known by its address: it is held meanwhile.
  int string(PyObject* value) {
    auto& met = met_[reinterpret_cast<std::uintptr_t>(value) / 64 % met_.size()];
    if (met.first.it != value) met = {borrowed(value), in(strings_, value, value)};
    return met.second;
  }
  int special(int& known, PyObject* value) { return known ? known - 1 : (known = add(value) + 1) - 1; }
  int in(const Ref& dict, PyObject* key, PyObject* value) {
    auto known = look(dict, key);
    return known >= 0 ? known : note(dict, key, add(value));
  }

  Ref canonical_, strings_, others_;
  std::vector<Ref> objects_;
  int none_ = 0;
  int small_[SMALL] = {};
  std::array<std::pair<Ref, int>, 256> met_;
  Flat<int> integers_, pairs_;
  Flat<std::pair<int, int>> halves_;
};

}  // namespace python
