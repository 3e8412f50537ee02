"""Scenarios, and how they are run: what a user of the library starts from."""

from dsm_jepsen.scenarios._base import Scenario as Scenario
from dsm_jepsen.scenarios._base import ScenarioError as ScenarioError
from dsm_jepsen.scenarios._base import Settings as Settings
from dsm_jepsen.scenarios._base import Workload as Workload
from dsm_jepsen.scenarios._base import find_scenario as find_scenario
from dsm_jepsen.scenarios._base import scenarios as scenarios
from dsm_jepsen.scenarios._base import unknown as unknown
from dsm_jepsen.scenarios._clusters import Findings as Findings
from dsm_jepsen.scenarios._clusters import probe as probe
from dsm_jepsen.scenarios._file import open_scenario as open_scenario
from dsm_jepsen.scenarios._machines import Machines as Machines
from dsm_jepsen.scenarios._phases import warning_of as warning_of
from dsm_jepsen.scenarios.runner import Options as Options
from dsm_jepsen.scenarios.runner import Result as Result
from dsm_jepsen.scenarios.runner import judge as judge
from dsm_jepsen.scenarios.runner import run as run
from dsm_jepsen.scenarios.runner import simulate as simulate
