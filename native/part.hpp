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
  int open = 0, widest = 0;                   // operations open at once that return
  std::vector<std::int32_t> names{};          // by symbol of the problem: the table's
  std::vector<sweep::Guarded> guarded{};      // VALUE: what they do
  std::vector<const sweep::Edit*> edits{};    // SEQUENCE: what they do
  std::size_t operations = 0, events = 0;     // that there will be, then that there are

  // Be another; the room that there is stays.
  void begin(int value) {
    key = value;
    open = widest = 0;
    operations = events = 0;
    names.clear();
    guarded.clear();
    edits.clear();
    problem.facts.clear();
  }
  void count(bool returns) {
    operations++;
    events += returns ? 2 : 1;
  }
  void make_room() {
    for (auto* by_operation : {&problem.symbols, &problem.returns, &invocations}) by_operation->resize(operations);
    for (auto* by_event : {&problem.events, &indexes}) by_event->resize(events);
    operations = events = 0;
  }
  std::int32_t call(std::int32_t index, std::int32_t symbol, bool returns) {
    problem.symbols[operations] = symbol;
    problem.returns[operations] = returns ? 0 : Problem::NEVER;
    invocations[operations] = index;
    return static_cast<std::int32_t>(operations++);
  }
  // Told without branches: nobody can foresee whether an event is a call.
  void happened(std::int32_t index, std::int32_t operation, bool called) {
    auto& end = problem.returns[operation];
    bool returns = end != Problem::NEVER;
    if (!returns && !called) return;
    end = called ? end : static_cast<std::int32_t>(events);
    open += returns ? 2 * called - 1 : 0;
    widest = std::max(widest, open);
    problem.events[events] = called ? operation : ~operation;
    indexes[events++] = index;
  }
};

}  // namespace python
