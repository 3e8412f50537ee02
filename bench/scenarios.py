"""Simulated runs of a scenario per second on one core, judged but not drawn."""

import time

from dsm_jepsen.scenarios import find_scenario, simulate

SECONDS = 5


def main() -> None:
    for name in ("isolated-events", "mixed-events"):
        scenario = find_scenario(name)
        simulate(scenario, seed=0)
        begun = time.perf_counter()
        runs = events = 0
        while (elapsed := time.perf_counter() - begun) < SECONDS:
            runs += 1
            events += len(simulate(scenario, seed=runs).history)
        print(f"{name}: {runs / elapsed:.1f} runs/s, {events / elapsed:,.0f} history events/s")


if __name__ == "__main__":
    main()
