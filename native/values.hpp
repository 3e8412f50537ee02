// Python's values as numbers.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "python.hpp"

namespace python {

struct PairHash {
  std::size_t operator()(const std::pair<std::int64_t, std::int64_t>& pair) const {
    auto mixed = static_cast<std::uint64_t>(pair.first) * 0x9E3779B97F4A7C15u ^ static_cast<std::uint64_t>(pair.second);
    mixed ^= mixed >> 29;
    mixed *= 0xBF58476D1CE4E5B9u;
    return static_cast<std::size_t>(mixed ^ mixed >> 32);
  }
};

// Python's values as numbers; equal numbers for values that are equal as JSON: 1, 1.0 and true are three.
class Values {
 public:
  explicit Values(PyObject* canonical) : canonical_(borrowed(canonical)), strings_(owned(PyDict_New())), others_(owned(PyDict_New())) {}

  int number(PyObject* value) {
    if (value == Py_None) return special(none_, value);
    if (PyLong_CheckExact(value)) {
      int overflow = 0;
      auto integer = PyLong_AsLongLongAndOverflow(value, &overflow);
      if (!overflow) {
        if (integer >= 0 && integer < SMALL) return special(small_[integer], value);
        auto [found, fresh] = integers_.try_emplace(integer, 0);
        if (fresh) found->second = add(value);
        return found->second;
      }
    }
    if (PyUnicode_CheckExact(value)) return in(strings_, value, value);
    if (PyList_CheckExact(value) && PyList_Size(value) == 2) {
      Deeper deeper;
      auto one = number(item(value, 0).it), other = number(item(value, 1).it);
      auto [found, fresh] = pairs_.try_emplace(std::pair<std::int64_t, std::int64_t>{one, other}, 0);
      if (fresh) {
        found->second = add(value);
        halves_.emplace(found->second, std::pair<int, int>{one, other});
      }
      return found->second;
    }
    auto key = call(canonical_, value);
    return in(others_, key.it, value);
  }

  // The two values of a list of two; nullptr if it is something else.
  const std::pair<int, int>* halves(int number) const {
    auto found = halves_.find(number);
    return found == halves_.end() ? nullptr : &found->second;
  }

  PyObject* object(int number) const { return objects_[number].it; }

 private:
  static constexpr int SMALL = 1024;

  int add(PyObject* value) {
    objects_.push_back(borrowed(value));
    return static_cast<int>(objects_.size()) - 1;
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
  std::unordered_map<std::int64_t, int> integers_;
  std::unordered_map<std::pair<std::int64_t, std::int64_t>, int, PairHash> pairs_;
  std::unordered_map<int, std::pair<int, int>> halves_;
};

}  // namespace python
