// Jepsen's histories as they are nearly always written, read into columns without an object for each event.
//
// Only op maps with simple keys, one by one or in vectors, of histories that a run could have produced. Whatever is
// out of the ordinary, and whatever is wrong, ends with Unusual: then the reader in Python reads the text, and says
// what is wrong with it.
#pragma once

#include <charconv>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "python.hpp"

namespace python {

struct Unusual {};

class EdnReader {
 public:
  // translate(text) -> the JSON value of an EDN value
  EdnReader(std::string_view text, PyObject* translate) : at_(text.data()), end_(at_ + text.size()), translate_(borrowed(translate)) {}

  // types, times, processes, partners as bytes; fs and values as lists; errors and extras by index
  Ref read() {
    fs_ = owned(PyList_New(0));
    values_ = owned(PyList_New(0));
    errors_ = owned(PyDict_New());
    extras_ = owned(PyDict_New());
    std::string open;
    for (;;) {
      skip();
      if (at_ == end_) break;
      char c = *at_++;
      if (c == '{')
        event();
      else if (c == '[' || c == '(')
        open.push_back(c == '[' ? ']' : ')');
      else if (!open.empty() && c == open.back())
        open.pop_back();
      else
        throw Unusual{};
    }
    if (!open.empty()) throw Unusual{};
    auto column = [](const auto& of) {
      return owned(PyBytes_FromStringAndSize(reinterpret_cast<const char*>(of.data()), static_cast<Py_ssize_t>(of.size() * sizeof of[0])));
    };
    return owned(Py_BuildValue("(NNNNOOOO)", taken(column(types_)), taken(column(times_)), taken(column(processes_)),
                               taken(column(partners_)), fs_.it, values_.it, errors_.it, extras_.it));
  }

 private:
  enum Key { PROCESS, TYPE, F, VALUE, TIME, INDEX, ERROR, KEYS };
  static constexpr std::string_view NAMES[KEYS] = {"process", "type", "f", "value", "time", "index", "error"};
  static constexpr std::string_view TYPES[4] = {":invoke", ":ok", ":fail", ":info"};
  static constexpr std::int64_t NEMESIS = -1;

  struct Process {  // a client's
    std::int32_t open = -1;  // index of its invocation
    bool ended = false;      // by an info
  };

  static PyObject* taken(Ref ref) { return std::exchange(ref.it, nullptr); }

  static bool blank(char c) { return c == ' ' || c == ',' || (c >= '\t' && c <= '\r'); }
  static bool closes(char c) { return blank(c) || std::strchr(";()[]{}\"\\^`~@", c); }

  void skip() {
    for (; at_ < end_; at_++) {
      if (*at_ == ';')
        while (at_ + 1 < end_ && *at_ != '\n') at_++;
      else if (!blank(*at_))
        return;
    }
  }

  std::string_view atom() {
    auto from = at_;
    while (at_ < end_ && *at_ && !closes(*at_)) at_++;
    if (at_ == from || *from == '#' || *from == '\'') throw Unusual{};
    return {from, static_cast<std::size_t>(at_ - from)};
  }

  // The text of one value.
  std::string_view value() {
    auto from = at_;
    int depth = 0;
    do {
      skip();
      if (at_ == end_) throw Unusual{};
      if (depth == 0) from = at_;
      if (*at_ == '"') {
        for (at_++; at_ < end_ && *at_ != '"'; at_++)
          if (*at_ == '\\') at_++;
        if (at_ >= end_) throw Unusual{};
        at_++;
      } else if (*at_ == '[' || *at_ == '(' || *at_ == '{') {
        depth++;
        at_++;
      } else if (*at_ == ']' || *at_ == ')' || *at_ == '}') {
        if (depth-- == 0) throw Unusual{};
        at_++;
      } else
        atom();
    } while (depth);
    return {from, static_cast<std::size_t>(at_ - from)};
  }

  void event() {
    std::string_view of[KEYS];
    std::vector<std::pair<std::string_view, std::string_view>> others;
    for (;;) {
      skip();
      if (at_ == end_) throw Unusual{};
      if (*at_ == '}') break;
      auto key = atom();
      if (key[0] != ':') throw Unusual{};
      key.remove_prefix(1);
      int place = 0;
      while (place < KEYS && NAMES[place] != key) place++;
      auto text = value();
      if (place == KEYS) {
        for (auto& other : others)
          if (other.first == key) throw Unusual{};
        others.emplace_back(key, text);
      } else if (of[place].data())
        throw Unusual{};
      else
        of[place] = text;
    }
    at_++;
    add(of, others);
  }

  void add(const std::string_view (&of)[KEYS], const std::vector<std::pair<std::string_view, std::string_view>>& others) {
    auto index = static_cast<std::int32_t>(types_.size());
    if (index == INT32_MAX) throw Unusual{};
    std::int64_t process = NEMESIS, time = times_.empty() ? -1 : times_.back(), told = 0;
    if (of[PROCESS] != ":nemesis" && !(whole(of[PROCESS], process) && process >= 0)) throw Unusual{};
    if (of[TIME].data() && of[TIME] != "nil") {
      if (!whole(of[TIME], told)) throw Unusual{};
      time = std::max(time, told);
    }
    std::uint8_t type = 0;
    while (type < 4 && TYPES[type] != of[TYPE]) type++;
    auto& f = word(of[F]);
    std::int64_t partner = -1;
    if (process == NEMESIS)
      type = 3;
    else if (type == 4)
      throw Unusual{};
    else {
      auto& one = who(process);
      if (type == 0) {
        if (one.open >= 0 || one.ended) throw Unusual{};
        one.open = index;
      } else {
        if (one.open < 0 || PyList_GetItem(fs_.it, one.open) != f.it) throw Unusual{};
        partner = one.open;
        partners_[partner] = index;
        one.open = -1;
        one.ended = type == 3;
      }
    }
    types_.push_back(type);
    times_.push_back(time);
    processes_.push_back(process);
    partners_.push_back(partner);
    append(fs_, f.it);
    append(values_, of[VALUE].data() ? json(of[VALUE]) : Py_None);
    if (of[ERROR].data() && of[ERROR] != "nil") put(errors_, index, json(of[ERROR]));
    if (others.empty()) return;
    auto extra = owned(PyDict_New());
    for (auto& [key, text] : others) {
      auto name = owned(PyUnicode_FromStringAndSize(key.data(), static_cast<Py_ssize_t>(key.size())));
      if (PyDict_SetItem(extra.it, name.it, json(text)) < 0) throw PythonError{};
    }
    put(extras_, index, extra.it);
  }

  Process& who(std::int64_t process) {
    if (process >= FEW) return more_[process];
    if (static_cast<std::size_t>(process) >= few_.size()) few_.resize(process + 1);
    return few_[process];
  }

  static bool whole(std::string_view text, std::int64_t& number) {
    if (text.empty() || text.size() > 18) return false;
    auto digits = text[0] == '-' ? text.substr(1) : text;
    if (digits.empty() || (digits[0] == '0' && digits.size() > 1)) return false;
    auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && stop == text.data() + text.size();
  }

  // The object of a value's text, the same one for the same text; whole numbers are not kept.
  PyObject* json(std::string_view text) {
    if (text == "nil") return Py_None;
    if (std::int64_t number; whole(text, number)) {
      number_ = owned(PyLong_FromLongLong(number));
      return number_.it;
    }
    return known(texts_, text).it;
  }

  Ref& word(std::string_view text) {
    if (text.empty()) throw Unusual{};
    auto& found = known(words_, text);
    if (!PyUnicode_CheckExact(found.it)) throw Unusual{};
    return found;
  }

  Ref& known(std::unordered_map<std::string_view, Ref>& texts, std::string_view text) {
    auto [found, fresh] = texts.try_emplace(text);
    if (fresh) {
      try {
        auto object = owned(PyUnicode_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size())));
        found->second = call(translate_, object.it);
      } catch (const PythonError&) {
        if (!PyErr_ExceptionMatches(PyExc_Exception)) throw;
        PyErr_Clear();
        throw Unusual{};
      }
      if (&texts == &words_ && PyUnicode_CheckExact(found->second.it)) PyUnicode_InternInPlace(&found->second.it);
    }
    return found->second;
  }

  static void append(const Ref& list, PyObject* item) {
    if (PyList_Append(list.it, item) < 0) throw PythonError{};
  }
  static void put(const Ref& dict, std::int32_t index, PyObject* item) {
    auto key = owned(PyLong_FromLong(index));
    if (PyDict_SetItem(dict.it, key.it, item) < 0) throw PythonError{};
  }

  static constexpr std::int64_t FEW = 1 << 16;

  const char *at_, *end_;
  Ref translate_;
  std::vector<std::uint8_t> types_;
  std::vector<std::int64_t> times_, processes_, partners_;
  Ref fs_, values_, errors_, extras_;
  Ref number_;
  std::unordered_map<std::string_view, Ref> texts_, words_;  // keys lie in the text
  std::vector<Process> few_;
  std::unordered_map<std::int64_t, Process> more_;
};

}  // namespace python
