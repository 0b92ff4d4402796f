"""The records that travel between stages and are what is written to disk. Data only: no I/O, no models, no clock.

    TaskSpec -> Dataset -> Pool (Candidate*) -> Screening -> Trial* -> Decision -> Bundle

Each record is frozen. Those that hold a result name the data they came from by fingerprint, so that any number in a
report can be followed back. A measured number travels as ``Measured``: without its interval it cannot decide.
"""

from goldilocks.records.candidates import Candidate as Candidate
from goldilocks.records.candidates import Excluded as Excluded
from goldilocks.records.candidates import Forecast as Forecast
from goldilocks.records.candidates import HubListing as HubListing
from goldilocks.records.candidates import ModelInfo as ModelInfo
from goldilocks.records.candidates import Pool as Pool
from goldilocks.records.candidates import ShortSchedule as ShortSchedule
from goldilocks.records.candidates import Workload as Workload
from goldilocks.records.compression import CompressedCandidate as CompressedCandidate
from goldilocks.records.compression import Compression as Compression
from goldilocks.records.compression import CompressionTrial as CompressionTrial
from goldilocks.records.continual import ContinualReport as ContinualReport
from goldilocks.records.continual import DomainScore as DomainScore
from goldilocks.records.continual import Forgetting as Forgetting
from goldilocks.records.data import DataIssue as DataIssue
from goldilocks.records.data import DataProfile as DataProfile
from goldilocks.records.data import Dataset as Dataset
from goldilocks.records.data import Finding as Finding
from goldilocks.records.data import Part as Part
from goldilocks.records.data import Severity as Severity
from goldilocks.records.decision import AlphaRange as AlphaRange
from goldilocks.records.decision import Comparison as Comparison
from goldilocks.records.decision import Cost as Cost
from goldilocks.records.decision import Decision as Decision
from goldilocks.records.decision import Failure as Failure
from goldilocks.records.decision import HostedOrOwn as HostedOrOwn
from goldilocks.records.decision import LossNoise as LossNoise
from goldilocks.records.decision import NextStep as NextStep
from goldilocks.records.decision import ProbeResult as ProbeResult
from goldilocks.records.decision import Screening as Screening
from goldilocks.records.decision import Search as Search
from goldilocks.records.decision import Standing as Standing
from goldilocks.records.decision import Trial as Trial
from goldilocks.records.decision import Verdict as Verdict
from goldilocks.records.decision import provisional as provisional
from goldilocks.records.evaluation import Calibration as Calibration
from goldilocks.records.evaluation import ClassRow as ClassRow
from goldilocks.records.evaluation import ConfidenceBin as ConfidenceBin
from goldilocks.records.evaluation import EntityRow as EntityRow
from goldilocks.records.evaluation import ErrorRow as ErrorRow
from goldilocks.records.evaluation import Evaluation as Evaluation
from goldilocks.records.evaluation import Mark as Mark
from goldilocks.records.evaluation import Passage as Passage
from goldilocks.records.evaluation import Prediction as Prediction
from goldilocks.records.evaluation import SliceRow as SliceRow
from goldilocks.records.export import Exported as Exported
from goldilocks.records.export import ExportSettings as ExportSettings
from goldilocks.records.footprint import Footprint as Footprint
from goldilocks.records.items import Answer as Answer
from goldilocks.records.items import AnswerRule as AnswerRule
from goldilocks.records.items import Generation as Generation
from goldilocks.records.items import Goal as Goal
from goldilocks.records.items import Gold as Gold
from goldilocks.records.items import Measured as Measured
from goldilocks.records.items import Output as Output
from goldilocks.records.items import Text as Text
from goldilocks.records.items import as_text as as_text
from goldilocks.records.items import in_words as in_words
from goldilocks.records.items import labels_of as labels_of
from goldilocks.records.task import Augmentation as Augmentation
from goldilocks.records.task import CandidateFilter as CandidateFilter
from goldilocks.records.task import CompressionSpec as CompressionSpec
from goldilocks.records.task import DataSpec as DataSpec
from goldilocks.records.task import Limits as Limits
from goldilocks.records.task import Objective as Objective
from goldilocks.records.task import Prices as Prices
from goldilocks.records.task import Serving as Serving
from goldilocks.records.task import ServingMode as ServingMode
from goldilocks.records.task import TaskSpec as TaskSpec
from goldilocks.records.training import Adversarial as Adversarial
from goldilocks.records.training import Averaging as Averaging
from goldilocks.records.training import ClassWeights as ClassWeights
from goldilocks.records.training import OptimizerName as OptimizerName
from goldilocks.records.training import Schedule as Schedule
from goldilocks.records.training import TrainingConfig as TrainingConfig
from goldilocks.records.training import UnlabelledLoss as UnlabelledLoss
from goldilocks.support.endpoints.usage import Usage as Usage
from goldilocks.support.machine.hardware import Machine as Machine
