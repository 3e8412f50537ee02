// A history's columns, and what of them has to do with one key, as the search sees it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "machine.hpp"
#include "problem.hpp"
#include "python.hpp"

namespace python {

using sweep::Problem;

enum Type : std::uint8_t { INVOKE, RETURNED, FAILED, INFO };

// A history's columns. Whoever does something and never calls or returns is the nemesis.
struct Columns {
  const std::uint8_t* types;
  const std::int64_t* partners;
  const std::int32_t *fs, *values, *errors;  // places in names and items
  std::size_t size;
  PyObject *names, *items;

  bool returns(std::size_t invocation) const {
    auto partner = partners[invocation];
    return partner >= 0 && types[partner] != INFO;
  }

  // The events that are invocations, in order; found without branches, which nobody could foresee.
  void invocations(std::vector<std::int32_t>& found) const {
    found.resize(size + 1);
    std::size_t count = 0;
    for (std::size_t at = 0; at < size; at++) {
      found[count] = static_cast<std::int32_t>(at);
      count += types[at] == INVOKE;
    }
    found.resize(count);
  }

  // Whether an event's partner is what History says, so that all may rely on it.
  bool sound(std::size_t at) const {
    auto partner = static_cast<std::size_t>(partners[at]);
    bool invoked = types[at] == INVOKE;
    if (partners[at] == -1) return invoked | (types[at] == INFO);
    if (types[at] > INFO || partner >= size) return false;
    return (partners[partner] == static_cast<std::int64_t>(at)) & (invoked == (partner > at)) & (invoked != (types[partner] == INVOKE));
  }
};

// Operations of one part of a history that the model judges, and the events they came from.
struct Part {
  int key = 0;  // number of the value that they have in common
  Problem problem{};
  std::vector<std::int32_t> invocations{};    // by operation: index of its event
  std::vector<std::int32_t> indexes{};        // by event of the problem: index of the history's
  int widest = 0;                             // operations open at once that return
  std::vector<std::int32_t> names{};          // by symbol of the problem: the table's
  std::vector<sweep::Guarded> guarded{};      // VALUE: what they do
  std::vector<const sweep::Edit*> edits{};    // SEQUENCE: what they do

  // Be another; the room that there is stays.
  void begin(int value) {
    key = value;
    names.clear();
    guarded.clear();
    edits.clear();
    problem.facts.clear();
  }
};

// Has a part know its operations, then its events, one after the other. A local one, where there is but one part, counts
// in registers.
class Telling {
 public:
  Telling(Part& part, std::size_t operations) : part_(part) {
    auto& [events, symbols, returns, facts] = part.problem;
    for (auto* by_operation : {&symbols, &returns, &part.invocations}) by_operation->resize(operations);
    for (auto* by_event : {&events, &part.indexes}) by_event->resize(2 * operations + 1);  // one is for what does not count
    symbols_ = symbols.data();
    returns_ = returns.data();
    invocations_ = part.invocations.data();
    events_ = events.data();
    indexes_ = part.indexes.data();
  }

  std::int32_t call(std::int32_t index, std::int32_t symbol, bool returns) {
    symbols_[called_] = symbol;
    returns_[called_] = returns ? 0 : Problem::NEVER;
    invocations_[called_] = index;
    return called_++;
  }
  // Without branches: nobody can foresee whether an event is a call.
  void happened(std::int32_t index, std::int32_t operation, bool called) {
    auto& end = returns_[operation];
    bool returns = end != Problem::NEVER;
    end = (returns & !called) ? count_ : end;
    open_ += returns * (2 * called - 1);
    widest_ = std::max(widest_, open_);
    events_[count_] = called ? operation : ~operation;
    indexes_[count_] = index;
    count_ += returns | called;
  }
  void end() {
    part_.widest = widest_;
    for (auto* by_event : {&part_.problem.events, &part_.indexes}) by_event->resize(static_cast<std::size_t>(count_));
  }

 private:
  Part& part_;
  std::int32_t *symbols_, *returns_, *invocations_, *events_, *indexes_;
  std::int32_t called_ = 0, count_ = 0, open_ = 0, widest_ = 0;
};

}  // namespace python
