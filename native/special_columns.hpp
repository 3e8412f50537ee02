// A history's columns as intervals, for the cases that need no search; see special/__init__.py.
#pragma once

#include "special_cases.hpp"
#include "special_stacks.hpp"
#include "table.hpp"

namespace python {

enum class Family { QUEUE, BAG, STACK, SET, COUNTER };

// Reads a history as intervals, unless something in it is not of the family.
class Special {
 public:
  // put, get: names of the operations; judges(f); refusal(error) -> [kind, detail], or None if it asserts nothing
  Special(Family family, PyObject* put, PyObject* get, PyObject* judges, PyObject* refusal, PyObject* canonical)
      : family_(family), put_(put), get_(get), judges_(borrowed(judges)), refusal_(borrowed(refusal)), values_(canonical) {}

  bool read(const Columns& columns) {
    using special::Role;
    does_.assign(static_cast<std::size_t>(PyList_Size(columns.names)), UNMET);
    items_.are(columns.items);
    for (std::size_t at = 0; at < columns.size; at++) {
      if (columns.types[at] != INVOKE) continue;
      auto partner = columns.partners[at];
      auto ending = partner < 0 ? std::uint8_t{INFO} : columns.types[partner];
      auto does = named(columns, columns.fs[at]);
      if (does == IGNORED) continue;
      bool refused = ending == FAILED && asserts(columns.errors[partner]);
      if (ending == FAILED && !refused) continue;
      auto role = Role::GET;
      std::int64_t value = special::NOBODY;
      if (does == PUTS) {
        role = Role::PUT;
        if (refused || !was_put(columns.values[at], value)) return false;
      } else if (does != GETS)
        return false;
      else if (refused)
        role = Role::EMPTY;
      else if (ending != INFO) {
        auto got = columns.values[partner];
        if (container() && nothing(got))
          role = Role::EMPTY;
        else if (!was_got(got, value))
          return false;
      }
      auto end = ending == INFO ? special::NEVER : static_cast<special::Place>(partner);
      known_.add(role, value, static_cast<special::Place>(at), end);
    }
    return known_.size() && (!container() || special::distinct(known_)) && (family_ != Family::COUNTER || one_step());
  }

  std::optional<special::Settled> settle(std::int64_t initial, const std::function<void()>& poll) const {
    return special::settle(
        [&](const special::Intervals& some) {
          poll();
          switch (family_) {
            case Family::QUEUE: return special::queue(some);
            case Family::BAG: return special::bag(some);
            case Family::STACK: return special::stack(some);
            case Family::SET: return special::set(some, lists_, static_cast<std::int32_t>(stamps_.size()));
            default: return special::counter(some, initial);
          }
        },
        known_);
  }

  std::int32_t size() const { return known_.size(); }

 private:
  enum Does : char { UNMET, IGNORED, PUTS, GETS, OTHER };

  bool container() const { return family_ != Family::SET && family_ != Family::COUNTER; }

  bool nothing(std::int32_t place) const { return items_.object(place).it == Py_None; }

  Does named(const Columns& columns, std::int32_t place) {
    if (does_[place] != UNMET) return does_[place];
    auto f = item(columns.names, place);
    if (PyUnicode_Compare(f.it, put_) == 0) return does_[place] = PUTS;
    if (PyUnicode_Compare(f.it, get_) == 0) return does_[place] = GETS;
    auto judged = truth(call(judges_, f.it).it);
    return does_[place] = judged ? OTHER : IGNORED;
  }

  bool asserts(std::int32_t error) {
    auto [known, fresh] = refusals_.try_emplace(items_.number(error, values_), false);
    if (fresh) known->second = call(refusal_, items_.object(error).it).it != Py_None;
    return known->second;
  }

  bool amount(std::int32_t place, std::int64_t& value) {
    constexpr std::int64_t LARGE = std::int64_t{1} << 60;
    int overflow = 0;
    auto object = items_.object(place);
    if (!PyLong_CheckExact(object.it)) return false;
    value = PyLong_AsLongLongAndOverflow(object.it, &overflow);
    return !overflow && -LARGE < value && value < LARGE;
  }
  bool was_put(std::int32_t place, std::int64_t& value) {
    if (family_ == Family::COUNTER) return amount(place, value);
    if (container() && nothing(place)) return false;
    value = items_.number(place, values_);
    if (family_ == Family::SET) stamp(static_cast<std::size_t>(value), 0);
    return true;
  }
  bool was_got(std::int32_t place, std::int64_t& value) {
    if (family_ == Family::COUNTER) return amount(place, value);
    if (container()) {
      value = items_.number(place, values_);
      return true;
    }
    auto object = items_.object(place);
    if (!PyList_CheckExact(object.it)) return false;
    auto size = PyList_Size(object.it);
    special::Numbers list(static_cast<std::size_t>(size));
    auto number = static_cast<std::int32_t>(lists_.size()) + 1;
    bool once = true;
    for (Py_ssize_t at = 0; at < size; at++) {
      auto element = list[at] = values_.number(item(object.it, at).it);
      once = stamp(static_cast<std::size_t>(element), number) != number && once;
    }
    value = once ? number - 1 : special::NOBODY;
    lists_.push_back(std::move(list));
    return true;
  }
  std::int32_t stamp(std::size_t element, std::int32_t by) {
    if (element >= stamps_.size()) stamps_.resize(std::max(element + 1, 2 * stamps_.size()));
    return std::exchange(stamps_[element], by);
  }
  bool one_step() const {
    std::int64_t step = 0;
    for (std::int32_t one = 0; one < known_.size(); one++) {
      if (known_.roles[one] != special::Role::PUT) continue;
      if (!known_.values[one] || (step && step != known_.values[one])) return false;
      step = known_.values[one];
    }
    return true;
  }

  const Family family_;
  PyObject *put_, *get_;
  Ref judges_, refusal_;
  Values values_;
  std::vector<Does> does_;  // by place in the columns' names
  Items items_;             // of the columns
  std::unordered_map<int, bool> refusals_;
  special::Intervals known_;
  std::vector<special::Numbers> lists_;  // of a set's reads
  special::Numbers stamps_;              // by element: the last list it was in
};

// What a part of reads and writes comes to whose values can be told apart; nothing if it is of another kind.
inline std::optional<special::Settled> settle_register(const std::vector<sweep::Guarded>& symbols, const Problem& problem, int initial,
                                                       const std::function<void()>& poll) {
  using sweep::Guarded;
  std::vector<bool> written(256);  // room for most
  auto first = [&](std::int32_t value) {
    auto at = static_cast<std::size_t>(value);
    if (at >= written.size()) written.resize(std::max(at + 1, 2 * written.size()));
    return !written[at] && (written[at] = true);
  };
  auto writes = [](const Guarded& does) { return does.test == Guarded::ALWAYS && does.then != Guarded::KEEP; };
  first(initial);
  for (auto symbol : problem.symbols)  // most have a value written twice: that is seen soon, before anything is set up
    if (writes(symbols[symbol]) && !first(symbols[symbol].then)) return {};
  special::Intervals known;
  std::vector<std::int32_t> operations;
  for (std::size_t at = 0; at < problem.events.size(); at++) {
    auto one = problem.events[at];
    if (one < 0) continue;
    auto& does = symbols[problem.symbols[one]];
    auto end = problem.returns[one] == Problem::NEVER ? special::NEVER : problem.returns[one];
    bool put = writes(does);
    bool reads = does.test == Guarded::EQUALS && does.then == Guarded::KEEP && does.otherwise == sweep::REJECT;
    bool nothing = does.then == Guarded::KEEP && end == special::NEVER;
    if (!put && !reads && !nothing) return {};
    if (nothing) continue;
    known.add(put ? special::Role::PUT : special::Role::GET, put ? does.then : does.value, static_cast<special::Place>(at), end);
    operations.push_back(one);
  }
  if (!known.size()) return {};
  auto told = special::settle(
      [&](const special::Intervals& some) {
        poll();
        return special::reg(some, initial);
      },
      known);
  if (!told) return {};
  for (auto* places : {&told->order, &told->culprits})
    for (auto& place : *places) place = problem.events[place];
  return told;
}

}  // namespace python
