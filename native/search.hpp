// The search: sweeps with ever weaker simplifications, until one of them decides.
//
// A sweep that keeps only the best configurations proves by reaching the end that a history is valid; one in which
// whatever never returned may happen any number of times proves by getting stuck that it is not. Between the two
// there is seldom a gap; where there is one the beam grows until nothing is left out.
#pragma once

#include <optional>

#include "sweep.hpp"

namespace sweep {

constexpr std::size_t WIDE = 4096;

struct Verdict {
  enum Kind { VALID, INVALID, UNKNOWN } kind = UNKNOWN;
  std::int32_t event = 0;            // INVALID: the return that cannot be explained; UNKNOWN: how far it was sure
  std::vector<std::int32_t> states;  // INVALID: what that operation could have met
  std::vector<std::int32_t> order;   // operations in an order that explains all before `event`
  std::size_t widest = 0;
};

// A history's operations that took effect, in order; those that may stand anywhere find their place.
template <class Machine>
std::vector<std::int32_t> ordered(const std::vector<Step>& steps, const Problem& problem, Machine& machine, int initial) {
  struct Place {
    std::int32_t operation;
    std::int32_t before;                 // the state it was met by
    std::vector<std::int32_t> first[2];  // what stands before it: changing nothing, then overwritten by it
  };
  std::vector<Place> places;
  places.reserve(steps.size() + 1);
  auto state = initial;
  for (auto& step : steps) {
    auto symbol = problem.symbols[step.operation];
    if (!step.anywhere) {
      places.push_back({step.operation, state, {}});
      state = machine.step(state, symbol);
      continue;
    }
    if (machine.step(state, symbol) == state) {  // nothing changed since it could have come: here and now
      places.push_back({step.operation, state, {}});
      continue;
    }
    for (auto place = places.rbegin(); place != places.rend(); ++place) {
      auto alone = machine.step(place->before, symbol);
      bool nothing = alone == place->before;
      bool overwritten = problem.facts[problem.symbols[place->operation]] & RESETS;
      if (nothing || (overwritten && problem.facts[symbol] & TOTAL)) {
        place->first[nothing ? 0 : 1].push_back(step.operation);
        break;
      }
    }
  }
  std::vector<std::int32_t> order;
  order.reserve(steps.size());
  for (auto& place : places) {
    for (auto& first : place.first) order.insert(order.end(), first.begin(), first.end());
    order.push_back(place.operation);
  }
  return order;
}

template <class Machine, int W>
Verdict decide(Machine& machine, const Problem& problem, int initial, const Stop& stop) {
  Sweep<Machine, W> sweep(machine, problem, stop);
  bool lost = false;
  for (std::size_t op = 0; op < problem.symbols.size() && !lost; op++)
    lost = problem.returns[op] == Problem::NEVER && !(problem.facts[problem.symbols[op]] & OBSERVES);
  Verdict verdict;
  std::int32_t until = INT32_MAX;
  for (std::size_t beam = lost ? 8 : 64;; beam *= 8) {
    auto outcome = sweep.run(initial, {beam, false, until});
    verdict.widest = std::max(verdict.widest, outcome.widest);
    if (outcome.event >= verdict.event) {
      verdict.event = outcome.event;
      verdict.states = std::move(outcome.states);
      verdict.order = ordered(sweep.steps(), problem, machine, initial);
    }
    if (outcome.end == End::EXPLAINED && until == INT32_MAX) {
      verdict.kind = Verdict::VALID;
      return verdict;
    }
    if (outcome.end == End::STUCK && (!outcome.pruned || outcome.event + 1 == until)) {
      verdict.kind = Verdict::INVALID;
      return verdict;
    }
    if (outcome.end == End::STOPPED || (until != INT32_MAX && beam > WIDE)) {
      if (until != INT32_MAX) {  // shown by plenty, though an earlier return may be impossible already
        verdict.kind = Verdict::INVALID;
        verdict.event = until - 1;
      }
      return verdict;
    }
    if (lost && until == INT32_MAX && beam == 8) {
      auto plenty = sweep.run(initial, {WIDE, true, INT32_MAX});
      if (plenty.end == End::STOPPED) return verdict;
      if (plenty.end == End::STUCK && !plenty.pruned) {
        until = plenty.event + 1;
        if (verdict.event == plenty.event) {
          verdict.kind = Verdict::INVALID;
          return verdict;
        }
      }
    }
  }
}

}  // namespace sweep
