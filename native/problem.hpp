// What a search is given, and what it finds: operations, symbols and states are numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace sweep {

constexpr int REJECT = -1;

// What is known of a symbol, in every state.
enum Fact : std::uint8_t {
  OBSERVES = 1,  // changes no state
  TOTAL = 2,     // is possible in every state
  RESETS = 4,    // is possible in every state, and all lead to the same one
};

// A history as the search sees it. Operations are numbered by their calls.
struct Problem {
  std::vector<std::int32_t> events;   // an operation's call, ~operation for its return, in order
  std::vector<std::int32_t> symbols;  // by operation: equal for those that no machine can tell apart
  std::vector<std::int32_t> returns;  // by operation: the place of its return in events, or NEVER
  std::vector<std::uint8_t> facts;    // by symbol
  static constexpr std::int32_t NEVER = INT32_MAX;
};

// Events between which more configurations are kept.
struct Window {
  std::int32_t from, to;
  std::size_t beam;
};

// How one run over the history is held in bounds.
struct Bounds {
  std::size_t beam = SIZE_MAX;    // configurations kept in a layer
  std::vector<Window> windows{};  // where it is more, in order
  // Events before this one at which whatever never returned may take effect any number of times after its call.
  // From here on it is counted, as if none of it had been used yet.
  std::int32_t plenty = 0;
  std::int32_t until = INT32_MAX;        // events looked at
  // By symbol, if told at all: counted all the same. Of the rest no more is used than there is while that will do.
  const std::uint8_t* scarce = nullptr;
  // Event before which all is left out: what was open there may have taken effect or not, in any state it began with.
  std::int32_t from = 0;
};

enum class End { EXPLAINED, STUCK, STOPPED };

struct Outcome {
  End end = End::EXPLAINED;
  std::int32_t event = 0;  // the return that nothing survived, or where it was stopped
  bool pruned = false;     // configurations were left out: STUCK is no proof
  std::vector<std::int32_t> states{};  // STUCK: all that could have been met by the operation that returned
  std::size_t widest = 0;
};

// One operation that took effect: at which event it was made to, and whether it may stand elsewhere as well.
struct Step {
  std::int32_t operation;
  std::int32_t event;
  bool anywhere;  // somewhere between its call and the event, where it changes nothing that follows
};

// Called now and then; true ends the search.
using Stop = std::function<bool(std::size_t bytes)>;

struct Limits {
  Stop stop;
  int patience;  // how often a descent makes choices otherwise in a short history without getting further; below 0 there is none
};

}  // namespace sweep
