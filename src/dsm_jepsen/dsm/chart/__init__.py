"""State charts: definitions as data, and a pure ``step`` that is a node's engine and a checker's model."""

from dsm_jepsen.dsm.chart.chart import Chart as Chart
from dsm_jepsen.dsm.chart.chart import step as step
from dsm_jepsen.dsm.chart.definition import Action as Action
from dsm_jepsen.dsm.chart.definition import ChartError as ChartError
from dsm_jepsen.dsm.chart.definition import Guard as Guard
from dsm_jepsen.dsm.chart.definition import Kind as Kind
from dsm_jepsen.dsm.chart.definition import Semantics as Semantics
from dsm_jepsen.dsm.chart.definition import State as State
from dsm_jepsen.dsm.chart.definition import Transition as Transition
from dsm_jepsen.dsm.chart.values import Configuration as Configuration
from dsm_jepsen.dsm.chart.values import Event as Event
from dsm_jepsen.dsm.chart.values import Scalar as Scalar
from dsm_jepsen.dsm.chart.values import Step as Step
from dsm_jepsen.dsm.chart.values import Variables as Variables
from dsm_jepsen.dsm.chart.values import configuration_from_json as configuration_from_json
from dsm_jepsen.dsm.chart.values import configuration_to_json as configuration_to_json
from dsm_jepsen.dsm.chart.values import variables_from_json as variables_from_json
from dsm_jepsen.dsm.chart.values import variables_to_json as variables_to_json
