"""All tables in one import, for migrations and for the composition root."""

from records.account import Account, StaffSession
from records.adaptation import AdaptationClock, AdaptationFiring, AdaptationRule, PatientEvent
from records.appointment import Appointment
from records.audit_seal import AuditCheck, AuditRemoval, AuditSeal
from records.auto_enrolment import AutoEnrolment
from records.base import Base
from records.binding import Binding, BindingAttempt, Invitation
from records.care_plan import CarePlan, CarePlanChange, Task
from records.chat import Chat, Conversation
from records.chat_desk import CannedAnswer, ChatNote, ChatSeen
from records.clarification import Clarification
from records.clinical_note import ClinicalNote
from records.cohort import Cohort, CohortEvent, CohortMember, CohortVersion
from records.cohort_enrolment import CohortEnrolment
from records.condition import Condition
from records.consent import Consent
from records.contact import Contact
from records.content import ContentItem, ContentMedia, ContentPush, ContentVersion
from records.content_read import ContentRead
from records.correction import Correction
from records.data_key import DataKey
from records.dealt_with import DealtWith
from records.encounter import Encounter
from records.erasure import Erasure, KeptRecord, Tombstone
from records.errand import Errand
from records.experiment import (
    ChoiceSetting,
    Experiment,
    ExperimentFamily,
    ExperimentLook,
    OptionTally,
    SendChoice,
    TemplateSuggestion,
)
from records.family_link import FamilyLink, FamilySession
from records.feed import Feed, FeedMessage
from records.feed_lane import FeedLane
from records.fhir_client import FhirClient, FhirClientTeam, FhirToken
from records.flag import Flag, FlagNotice
from records.flag_review import FlagReview
from records.friendship import Friendship
from records.group_send import GroupSend
from records.immunization import Immunization
from records.lab_result import LabResult
from records.labelled_example import LabelledExample
from records.mass_message import MassChild, MassMessage, MassRecipient
from records.medication import MedicationRequest
from records.message import Inbound, Outbound
from records.model_version import (
    ModelArchive,
    ModelComparison,
    ModelLoad,
    ModelVersion,
    Publication,
    TrainingRun,
    TrainingSet,
)
from records.observation import Observation
from records.patient import Carer, Patient, PatientCarer, ReadAudit
from records.patient_identifier import LinkProposal, PatientIdentifier, PatientMerge
from records.patient_index import PatientIndex, PatientNews, PatientValue
from records.plan_definition import PlanDefinition
from records.prediction import Predictor, RiskAssessment
from records.push_address import PushAddress
from records.question import ContentDraft, QuestionToTeam
from records.questionnaire import QuestionnaireResponse
from records.refusal import AccessRefusal
from records.report_kept import ReportKept
from records.retag import RetagRequest
from records.retention_run import RetentionRun
from records.review import ReviewGroup, ReviewItem
from records.role import Role, StaffRole
from records.search_entry import SearchEntry, SearchNews
from records.service_request import ServiceRequest
from records.setting import Setting
from records.staff import Department, OnCall, Staff, Team, TeamMember
from records.state import StateChange
from records.tag import PatientTag, Tag, TagChange, TagEvidence, TagVersion
from records.tag_statement import TagStatement
from records.triage_overlay import TriageOverlay
from records.wecom import AccessToken, CallbackEvent, CallPace, KfAccount
from records.working_hours import WorkingHours

__all__ = [
    "AccessRefusal",
    "AccessToken",
    "Account",
    "AdaptationClock",
    "AdaptationFiring",
    "AdaptationRule",
    "Appointment",
    "AuditCheck",
    "AuditRemoval",
    "AuditSeal",
    "AutoEnrolment",
    "Base",
    "Binding",
    "BindingAttempt",
    "CallPace",
    "CallbackEvent",
    "CannedAnswer",
    "CarePlan",
    "CarePlanChange",
    "Carer",
    "Chat",
    "ChatNote",
    "ChatSeen",
    "ChoiceSetting",
    "Clarification",
    "ClinicalNote",
    "Cohort",
    "CohortEnrolment",
    "CohortEvent",
    "CohortMember",
    "CohortVersion",
    "Condition",
    "Consent",
    "Contact",
    "ContentDraft",
    "ContentItem",
    "ContentMedia",
    "ContentPush",
    "ContentRead",
    "ContentVersion",
    "Conversation",
    "Correction",
    "DataKey",
    "DealtWith",
    "Department",
    "Encounter",
    "Erasure",
    "Errand",
    "Experiment",
    "ExperimentFamily",
    "ExperimentLook",
    "FamilyLink",
    "FamilySession",
    "Feed",
    "FeedLane",
    "FeedMessage",
    "FhirClient",
    "FhirClientTeam",
    "FhirToken",
    "Flag",
    "FlagNotice",
    "FlagReview",
    "Friendship",
    "GroupSend",
    "Immunization",
    "Inbound",
    "Invitation",
    "KeptRecord",
    "KfAccount",
    "LabResult",
    "LabelledExample",
    "LinkProposal",
    "MassChild",
    "MassMessage",
    "MassRecipient",
    "MedicationRequest",
    "ModelArchive",
    "ModelComparison",
    "ModelLoad",
    "ModelVersion",
    "Observation",
    "OnCall",
    "OptionTally",
    "Outbound",
    "Patient",
    "PatientCarer",
    "PatientEvent",
    "PatientIdentifier",
    "PatientIndex",
    "PatientMerge",
    "PatientNews",
    "PatientTag",
    "PatientValue",
    "PlanDefinition",
    "Predictor",
    "Publication",
    "PushAddress",
    "QuestionToTeam",
    "QuestionnaireResponse",
    "ReadAudit",
    "ReportKept",
    "RetagRequest",
    "RetentionRun",
    "ReviewGroup",
    "ReviewItem",
    "RiskAssessment",
    "Role",
    "SearchEntry",
    "SearchNews",
    "SendChoice",
    "ServiceRequest",
    "Setting",
    "Staff",
    "StaffRole",
    "StaffSession",
    "StateChange",
    "Tag",
    "TagChange",
    "TagEvidence",
    "TagStatement",
    "TagVersion",
    "Task",
    "Team",
    "TeamMember",
    "TemplateSuggestion",
    "Tombstone",
    "TrainingRun",
    "TrainingSet",
    "TriageOverlay",
    "WorkingHours",
]
