// Histories as they are nearly always written, read into columns without an object for each event.
//
// EDN: op maps with simple keys, one by one or in vectors. JSON lines. Jepsen's log: lines with tabs. Only histories that
// a run could have produced. Whatever is out of the ordinary, and whatever is wrong, ends with Unusual: then the reader
// in Python reads the text, and says what is wrong with it.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "python.hpp"

namespace python {

struct Unusual {};

enum class Form { EDN, JSON, LOG };

class Reader {
 public:
  // translate(text) -> the JSON value that a value's text stands for
  Reader(std::string_view text, Form form, PyObject* translate)
      : at_(text.data()), end_(at_ + text.size()), json_(form == Form::JSON), log_(form == Form::LOG), translate_(borrowed(translate)) {}

  // types, times, processes, partners, fs, values and errors as bytes; names and items as lists; extras by index
  Ref read() {
    if (!utf8()) throw Unusual{};
    names_ = owned(PyList_New(0));
    items_ = owned(PyList_New(0));
    extras_ = owned(PyDict_New());
    append(items_, Py_None);
    log_ ? lines() : events();
    auto types = column(types_), times = column(times_), processes = column(processes_), partners = column(partners_);
    auto fs = column(fs_), values = column(values_), errors = column(errors_);
    return owned(Py_BuildValue("(OOOOOOOOOO)", types.it, times.it, processes.it, partners.it, fs.it, values.it, errors.it, names_.it,
                               items_.it, extras_.it));
  }

 private:
  // Nearly always it is ASCII.
  bool utf8() const {
    char all = 0;
    for (auto at = at_; at != end_; at++) all = static_cast<char>(all | *at);
    if (static_cast<unsigned char>(all) < 0x80) return true;
    Ref decoded(PyUnicode_DecodeUTF8(at_, end_ - at_, nullptr));
    if (!decoded.it && !PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) throw PythonError{};
    PyErr_Clear();
    return decoded.it != nullptr;
  }

  enum Field { PROCESS, TYPE, F, VALUE, TIME, INDEX, ERROR, KEY, FIELDS };
  static constexpr std::string_view NAMES[FIELDS] = {"process", "type", "f", "value", "time", "index", "error", "key"};
  static constexpr std::string_view TYPES[4] = {"invoke", "ok", "fail", "info"};
  static constexpr std::int64_t NEMESIS = -1;

  struct Process {  // a client's
    std::int32_t open = -1;  // index of its invocation
    bool ended = false;      // by an info
  };

  template <class T>
  static Ref column(std::vector<T>& of) {
    auto made = owned(PyBytes_FromStringAndSize(reinterpret_cast<const char*>(of.data()), static_cast<Py_ssize_t>(of.size() * sizeof(T))));
    std::vector<T>().swap(of);
    return made;
  }

  bool blank(char c) const { return c == ' ' || (c == ',' && !json_) || (c >= '\t' && c <= '\r'); }
  bool closes(char c) const { return blank(c) || std::strchr(",;()[]{}\"\\^`~@", c); }

  void events() {
    std::string open;
    for (;;) {
      skip();
      if (at_ == end_) break;
      char c = *at_++;
      if (c == '{')
        event();
      else if (!json_ && (c == '[' || c == '('))
        open.push_back(c == '[' ? ']' : ')');
      else if (!open.empty() && c == open.back())
        open.pop_back();
      else
        throw Unusual{};
    }
    if (!open.empty()) throw Unusual{};
  }

  // Events stand behind whatever a log begins its lines with; lines without one are passed over.
  void lines() {
    while (at_ < end_) {
      auto* found = static_cast<const char*>(std::memchr(at_, '\n', end_ - at_));
      std::string_view line(at_, (found ? found : end_) - at_);
      at_ = found ? found + 1 : end_;
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      for (auto tab = line.find("\t:"); tab != line.npos; tab = line.find("\t:", tab + 1)) {
        auto start = line.find_last_of(" \t", tab - 1);
        start = tab == 0 || start == line.npos ? 0 : start + 1;
        auto process = line.substr(start, tab - start);
        if (process != ":nemesis" && (process.empty() || process.find_first_not_of("0123456789") != process.npos)) continue;
        columns(process, line.substr(tab + 1));
        break;
      }
    }
  }

  void columns(std::string_view process, std::string_view rest) {
    std::string_view of[FIELDS];
    of[PROCESS] = process;
    for (auto field : {TYPE, F, VALUE, ERROR}) {
      auto stop = std::min(rest.find('\t'), rest.size());
      of[field] = rest.substr(0, stop);
      rest.remove_prefix(std::min(stop + 1, rest.size()));
      if (field == F && rest.data() == of[F].data() + of[F].size()) throw Unusual{};  // no value
    }
    if (!rest.empty() || of[VALUE].find_first_not_of(' ') == of[VALUE].npos) throw Unusual{};
    if (of[ERROR].empty() || of[ERROR] == nil()) of[ERROR] = {};
    bool otherwise = of[VALUE].find("timed-out") != of[VALUE].npos && of[VALUE] != ":timed-out";
    if (!of[F].starts_with(':') || otherwise) throw Unusual{};
    // What clients of Jepsen's first years meant; see text.py.
    if (of[TYPE] != ":invoke" && of[VALUE] == ":timed-out") {
      of[TYPE] = of[TYPE] == ":fail" && of[F] == ":read" ? ":fail" : ":info";
      of[VALUE] = {};
      of[ERROR] = "\"timed-out\"";
    }
    if (of[TYPE] == ":fail" && of[F] == ":cas" && !of[ERROR].data()) of[ERROR] = "\"unequal\"";
    add(of, {});
  }

  void skip() {
    for (; at_ < end_; at_++) {
      if (*at_ == ';' && !json_)
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
        for (at_++; at_ < end_ && *at_ != '"'; at_++) {
          if (*at_ == '\\') at_++;
          else if (*at_ == '\n' && json_) throw Unusual{};
        }
        if (at_ >= end_) throw Unusual{};
        at_++;
      } else if (*at_ == '[' || *at_ == '(' || *at_ == '{') {
        depth++;
        at_++;
      } else if (*at_ == ']' || *at_ == ')' || *at_ == '}') {
        if (depth-- == 0) throw Unusual{};
        at_++;
      } else if (depth && *at_ == ',')
        at_++;
      else
        atom();
    } while (depth);
    return {from, static_cast<std::size_t>(at_ - from)};
  }

  void event() {
    std::string_view of[FIELDS];
    std::vector<std::pair<std::string_view, std::string_view>> others;
    for (bool first = true;; first = false) {
      skip();
      if (at_ == end_) throw Unusual{};
      if (*at_ == '}') break;
      auto key = name(first);
      int place = 0;
      while (place < FIELDS && NAMES[place] != key) place++;
      auto text = value();
      if (place == FIELDS) {
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

  // The name of a field, up to its value.
  std::string_view name(bool first) {
    if (!json_) {
      auto key = atom();
      if (key[0] != ':') throw Unusual{};
      return key.substr(1);
    }
    if (!first) {
      if (*at_++ != ',') throw Unusual{};
      skip();
    }
    if (at_ == end_ || *at_ != '"') throw Unusual{};
    auto key = value();
    skip();
    if (at_ == end_ || *at_++ != ':' || key.find('\\') != key.npos) throw Unusual{};
    return key.substr(1, key.size() - 2);
  }

  void add(const std::string_view (&of)[FIELDS], const std::vector<std::pair<std::string_view, std::string_view>>& others) {
    auto index = static_cast<std::int32_t>(types_.size());
    if (index == INT32_MAX) throw Unusual{};
    std::int64_t process = NEMESIS, time = times_.empty() ? -1 : times_.back(), told = 0;
    if (said(of[PROCESS]) != "nemesis" && !(whole(of[PROCESS], process) && process >= 0)) throw Unusual{};
    if (of[TIME].data() && of[TIME] != nil()) {
      if (!whole(of[TIME], told)) throw Unusual{};
      time = std::max(time, told);
    }
    if (json_ && of[INDEX].data() && !whole(of[INDEX], told)) throw Unusual{};
    std::uint8_t type = 0;
    while (type < 4 && TYPES[type] != said(of[TYPE])) type++;
    auto f = word(of[F]);
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
        if (one.open < 0 || fs_[one.open] != f) throw Unusual{};
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
    fs_.push_back(f);
    values_.push_back(of[KEY].data() ? pair(of[KEY], of[VALUE]) : json(of[VALUE]));
    errors_.push_back(json(of[ERROR]));
    if (others.empty()) return;
    auto extra = owned(PyDict_New());
    for (auto& [key, text] : others) {
      auto name = owned(PyUnicode_FromStringAndSize(key.data(), static_cast<Py_ssize_t>(key.size())));
      if (PyDict_SetItem(extra.it, name.it, object(text).it) < 0) throw PythonError{};
    }
    auto at = owned(PyLong_FromLong(index));
    if (PyDict_SetItem(extras_.it, at.it, extra.it) < 0) throw PythonError{};
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

  std::string_view nil() const { return json_ ? "null" : "nil"; }

  // A keyword, or a string in JSON, without what marks it as one.
  std::string_view said(std::string_view text) const {
    if (json_) return text.size() > 1 && text[0] == '"' ? text.substr(1, text.size() - 2) : "";
    return !text.empty() && text[0] == ':' ? text.substr(1) : "";
  }

  std::int32_t pair(std::string_view key, std::string_view text) {
    auto [found, fresh] = numbers_by_key_[key].try_emplace(text, 0);
    if (fresh) {
      auto made = owned(PyList_New(0));
      for (auto half : {key, text}) append(made, object(half).it);
      found->second = add(items_, made.it);
    }
    return found->second;
  }

  // The number of a value's text, the same one for the same text; of whole numbers that were not met lately a new one.
  std::int32_t json(std::string_view text) {
    if (!text.data() || text == nil()) return 0;
    if (std::int64_t number; whole(text, number)) {
      auto& met = met_[static_cast<std::uint64_t>(number) % met_.size()];
      if (!met.second || met.first != number) met = {number, add(items_, owned(PyLong_FromLongLong(number)).it)};
      return met.second;
    }
    auto [found, fresh] = texts_.try_emplace(text, 0);
    if (fresh) found->second = add(items_, translated(text).it);
    return found->second;
  }

  Ref object(std::string_view text) {
    std::int64_t number;
    return whole(text, number) ? owned(PyLong_FromLongLong(number)) : item(items_.it, json(text));
  }

  std::int32_t word(std::string_view text) {
    if (text.empty()) throw Unusual{};
    auto [found, fresh] = words_.try_emplace(text, 0);
    if (!fresh) return found->second;
    auto name = translated(text);
    if (!PyUnicode_CheckExact(name.it)) throw Unusual{};
    PyUnicode_InternInPlace(&name.it);
    return found->second = named(name.it);
  }

  // The number of a name, of which there may be several texts.
  std::int32_t named(PyObject* name) {
    auto [found, fresh] = named_.try_emplace(name, 0);
    if (fresh) found->second = add(names_, name);
    return found->second;
  }

  Ref translated(std::string_view text) {
    try {
      auto object = owned(PyUnicode_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size())));
      return call(translate_, object.it);
    } catch (const PythonError&) {
      if (!PyErr_ExceptionMatches(PyExc_Exception)) throw;
      PyErr_Clear();
      throw Unusual{};
    }
  }

  static void append(const Ref& list, PyObject* item) {
    if (PyList_Append(list.it, item) < 0) throw PythonError{};
  }
  static std::int32_t add(const Ref& list, PyObject* item) {
    append(list, item);
    auto number = PyList_Size(list.it) - 1;
    if (number > INT32_MAX) throw Unusual{};
    return static_cast<std::int32_t>(number);
  }

  static constexpr std::int64_t FEW = 1 << 16;

  const char *at_, *end_;
  bool json_, log_;
  Ref translate_;
  std::vector<std::uint8_t> types_;
  std::vector<std::int64_t> times_, processes_, partners_;
  std::vector<std::int32_t> fs_, values_, errors_;
  Ref names_, items_, extras_;
  std::unordered_map<std::string_view, std::int32_t> texts_, words_;  // by text, which lies in what is read
  std::unordered_map<std::string_view, std::unordered_map<std::string_view, std::int32_t>> numbers_by_key_;
  std::unordered_map<PyObject*, std::int32_t> named_;  // interned: there is one of each
  std::array<std::pair<std::int64_t, std::int32_t>, 4096> met_{};
  std::vector<Process> few_;
  std::unordered_map<std::int64_t, Process> more_;
};

}  // namespace python
