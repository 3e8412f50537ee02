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
    auto& met = place(value);
    if (met.first.it == value) return met.second;
    if (PyList_CheckExact(value)) return list(value);
    if (PyLong_CheckExact(value) || (PyLong_Check(value) && !PyBool_Check(value))) {
      int overflow = 0;
      auto integer = PyLong_AsLongLongAndOverflow(value, &overflow);
      if (!overflow) {
        auto [found, fresh] = integers_.try_emplace(integer, 0, 0);
        if (fresh) *found = add(value);
        if (integer >= 0 && integer <= 256 && PyLong_CheckExact(value)) meet(met, value, *found);  // there is one object of each
        return *found;
      }
    }
    if (PyUnicode_CheckExact(value)) return meet(met, value, in(strings_, value, value));
    if (value == Py_None) return meet(met, value, in(others_, value, value));
    if (PyUnicode_Check(value)) return number(owned(PyUnicode_FromObject(value)).it);
    if (PyTuple_Check(value)) return number(owned(PySequence_List(value)).it);
    return PyList_Check(value) ? list(value) : other(value);
  }

  // The two values of a list of two; nullptr if it is something else.
  const std::pair<int, int>* halves(int number) const {
    return halves_.find(number, 0);
  }

  PyObject* object(int number) const { return objects_[number].it; }

 private:
  static constexpr Py_ssize_t LISTED = 16;  // as long lists are known by their items' numbers
  using Met = std::pair<Ref, int>;

  int add(PyObject* value) {
    objects_.push_back(borrowed(value));
    return static_cast<int>(objects_.size()) - 1;
  }
  // A value that was met lately, and cannot change, is known by its address: it is held meanwhile.
  int meet(Met& met, PyObject* value, int number) {
    met = {borrowed(value), number};
    return number;
  }
  Met& place(PyObject* value) { return met_[reinterpret_cast<std::uintptr_t>(value) / 16 % met_.size()]; }
  // The number of an item of a list. One that was met is only looked at: no reference is needed.
  int inner(PyObject* list, Py_ssize_t at) {
    auto* value = PyList_GetItem(list, at);
    if (auto& met = place(value); value && met.first.it == value) return met.second;
    Deeper deeper;
    return number(borrowed(value).it);
  }
  int list(PyObject* value) {
    auto size = PyList_Size(value);
    if (size > LISTED) return other(value);
    std::int64_t begins = 0;  // its length and first item, or that and all but the last
    int first = -1, last = -1;
    for (Py_ssize_t at = 0; at < size; at++) {
      if (at == 1) begins = size << 32 | (first = last);
      if (at > 1) begins = -1 - *beginnings_.try_emplace(begins, last, static_cast<int>(beginnings_.size())).first;
      last = inner(value, at);
    }
    if (size == 1) begins = 1;
    auto [found, fresh] = lists_.try_emplace(begins, last, 0);
    if (fresh) *found = add(value);
    if (fresh && size == 2) halves_.try_emplace(*found, 0, {first, last});
    return *found;
  }
  int other(PyObject* value) {
    auto key = call(canonical_, value);
    return in(others_, key.it, value);
  }
  int in(const Ref& dict, PyObject* key, PyObject* value) {
    auto known = look(dict, key);
    return known >= 0 ? known : note(dict, key, add(value));
  }

  Ref canonical_, strings_, others_;
  std::vector<Ref> objects_;
  std::array<Met, 2048> met_;
  Flat<int> integers_, beginnings_, lists_;
  Flat<std::pair<int, int>> halves_;
};

// The items of a list that columns refer to, and their numbers, each asked for once.
class Items {
 public:
  void are(PyObject* list) {
    list_ = list;
    numbers_.assign(static_cast<std::size_t>(PyList_Size(list)), UNMET);
  }
  Ref object(std::int32_t place) const { return item(list_, place); }
  int number(std::int32_t place, Values& values) {
    if (numbers_.at(place) == UNMET) numbers_[place] = values.number(object(place).it);
    return numbers_[place];
  }

 private:
  static constexpr int UNMET = -1;
  PyObject* list_ = nullptr;
  std::vector<int> numbers_;
};

}  // namespace python
