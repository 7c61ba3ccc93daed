"""One paper or classic a file, grouped by what it varies; CATALOG lists them all, written or planned.

cl.methods.easy_to_hard                        # the function, its file imported when first asked for
[e.function for e in cl.methods.CATALOG if e.status == "held"]
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pandas as pd

from curriculab.methods.check import Check, CheckBench, file_digest, load_checks
from curriculab.protocol import Method

CONTROLS = ("random_order", "shuffled_score", "null_band")  # random by intent: no claim of their own, so no check
STATUS = ("planned", "held", "refuted", "stale", "untried")


@dataclass(frozen=True)
class Entry:
    """One line of the catalogue; number None for classics and controls; authors "" and year None where not known."""

    number: int | None
    title: str
    authors: str
    year: int | None
    group: str
    function: str

    @property
    def path(self) -> Path:
        return Path(__file__).parent / self.group / f"{self.function}.py"

    @property
    def method(self) -> Method:
        return method_of(self.function)

    @property
    def check(self) -> Callable[[CheckBench], Check] | None:
        """The method's check, None where it has none."""
        return getattr(_module(self), "check", None)

    @property
    def status(self) -> str:
        """planned (no file yet), untried (never checked), stale (file changed since), held or refuted."""
        if not self.path.exists():
            return "planned"
        record = load_checks().get(self.function)
        if record is None:
            return "untried"
        if record["digest"] != file_digest(self.path):
            return "stale"
        return "held" if record["held"] else "refuted"


CATALOG: tuple[Entry, ...] = (
    Entry(None, "Random order", "", None, "order", "random_order"),
    Entry(None, "Curriculum Learning (easy to hard)", "Bengio et al.", 2009, "order", "easy_to_hard"),
    Entry(
        None, "On The Power of Curriculum Learning (hard to easy)", "Hacohen & Weinshall", 2019, "order", "hard_to_easy"
    ),
    Entry(None, "From Baby Steps to Leapfrog", "Spitkovsky et al.", 2010, "order", "baby_steps"),
    Entry(None, "Competence-based Curriculum Learning for NMT", "Platanios et al.", 2019, "order", "competence"),
    Entry(None, "Self-Paced Learning for Latent Variable Models", "Kumar et al.", 2010, "order", "self_paced"),
    Entry(None, "Curriculum Learning by Transfer Learning", "Weinshall et al.", 2018, "order", "transfer_teacher"),
    Entry(None, "SuperLoss: robust curriculum learning", "Castells et al.", 2020, "order", "superloss"),
    Entry(
        None,
        "Hard example mining, by rank and minimax",
        "Shrivastava et al.; Loshchilov & Hutter",
        2016,
        "order",
        "hard_mining",
    ),
    Entry(None, "Repeat before Forgetting: Spaced Repetition", "Amiri et al.", 2017, "order", "spaced_repetition"),
    Entry(None, "Shuffled scores (control)", "", None, "order", "shuffled_score"),
    Entry(None, "Reversed scores (control)", "", None, "order", "reversed_score"),
    Entry(None, "Null band of random orders (control)", "", None, "order", "null_band"),
    Entry(None, "AdaRFT: adaptive curriculum reinforcement finetuning", "Shi et al.", 2025, "online", "adarft"),
    Entry(None, "Thompson sampling on pass rates (MoPPS)", "Qu et al.", 2025, "online", "thompson"),
    Entry(
        None,
        "Prioritised replay by learnability p(1-p)",
        "Jiang et al.; Rutherford et al.",
        2024,
        "online",
        "learnability",
    ),
    Entry(None, "Absolute learning progress", "Kanitscheider et al.", 2021, "online", "learning_progress"),
    Entry(None, "DAPO: dynamic sampling", "Yu et al.", 2025, "online", "dynamic_sampling"),
    Entry(
        1, "CLIMB: Curriculum Learning for Infant-inspired Model Building", "Martinez et al.", 2023, "order", "climb"
    ),
    Entry(2, "Self-Evolving Curriculum for LLM Reasoning", "Chen et al.", 2025, "online", "sec"),
    Entry(
        3,
        "PUDF: A Psychology-based Unified Dynamic Framework for Curriculum Learning",
        "Meng et al.",
        2024,
        "order",
        "pudf",
    ),
    Entry(
        4,
        "Learning to Learn: How to Continuously Teach Humans and Machines",
        "Singh et al.",
        2023,
        "order",
        "curriculum_designer",
    ),
    Entry(5, "h1: Bootstrapping LLMs to Reason over Longer Horizons via RL", "Motwani et al.", 2025, "generated", "h1"),
    Entry(6, "Instruction Tuning with Human Curriculum", "Lee et al.", 2024, "order", "corgi"),
    Entry(
        7,
        "CurES: From Gradient Analysis to Efficient Curriculum Learning for Reasoning LLMs",
        "Zeng et al.",
        2025,
        "online",
        "cures",
    ),
    Entry(8, "Learning Like Humans: adaptive difficulty (ADCL)", "Zhang et al.", 2025, "online", "adcl"),
    Entry(8, "Learning Like Humans: expert-guided self-reformulation (EGSR)", "Zhang et al.", 2025, "online", "egsr"),
    Entry(
        9,
        "Fine-tuning LLMs with Human-inspired Learning Strategies in Medical QA",
        "Yang et al.",
        2024,
        "order",
        "human_strategies",
    ),
    Entry(10, "ACuRL: Autonomous Continual Learning of Computer-Use Agents", "", None, "generated", "acurl"),
    Entry(11, "Cog-DRIFT: Adaptively Reformulated Instances", "", None, "generated", "cog_drift"),
    Entry(12, "Train Long, Think Short", "Hammoud et al.", 2025, "reward", "train_long_think_short"),
    Entry(13, "Reasoning with Large Language Models, a Survey", "Plaat et al.", 2024, "context", "reasoning_survey"),
    Entry(14, "Prompt Curriculum Learning", "Gao et al.", 2025, "online", "pcl"),
    Entry(15, "Cyclical Curriculum Learning", "Kesgin & Amasyali", 2022, "order", "cyclical"),
    Entry(16, "EduFlow (EduPRM, EduMCTS)", "", None, "generated", "eduflow"),
    Entry(17, "Words as Beacons: LLM subgoals for sparse-reward RL", "Ruiz-Gonzalez et al.", 2024, "reward", "beacons"),
    Entry(
        18, "Online Difficulty Filtering for Reasoning-Oriented RL", "Bae et al.", 2025, "online", "difficulty_filter"
    ),
    Entry(19, "SOAR: Teaching Models to Teach Themselves", "", None, "generated", "soar"),
    Entry(
        20,
        "LLMs can implicitly learn from mistakes in-context",
        "Alazraki et al.",
        2025,
        "context",
        "implicit_mistakes",
    ),
    Entry(21, "Schema for In-Context Learning", "", 2025, "context", "schema_icl"),
    Entry(22, "Re-Reading Improves Reasoning", "Xu et al.", 2023, "context", "re_reading"),
    Entry(23, "CLPO: Curriculum Learning meets Policy Optimization", "", 2025, "generated", "clpo"),
    Entry(24, "GraphMASAL", "", 2025, "order", "graphmasal"),
    Entry(25, "ReVISE", "Lee et al.", 2025, "feedback", "revise"),
    Entry(26, "SARI", "Wen et al.", 2025, "online", "sari"),
    Entry(27, "CLUTR", "Azad et al.", 2022, "generated", "clutr"),
    Entry(28, "Cognitive Foundations for Reasoning", "Kargupta et al.", 2025, "analysis", "cognitive_foundations"),
    Entry(29, "VL-Cogito: Progressive Curriculum RL", "Yuan et al.", 2025, "reward", "vl_cogito"),
    Entry(30, "Curr-ReFT", "Deng et al.", 2025, "generated", "curr_reft"),
    Entry(31, "DUMP", "Wang et al.", 2025, "online", "dump"),
    Entry(32, "Wiki-R1", "", 2026, "generated", "wiki_r1"),
    Entry(33, "AdaptMI", "He et al.", 2025, "context", "adaptmi"),
    Entry(34, "MetaLadder", "Lin et al.", 2025, "generated", "metaladder"),
    Entry(35, "Implicit Curriculum Hypothesis", "", 2026, "analysis", "implicit_curriculum"),
    Entry(36, "Pedagogical Alignment of LLMs", "Sonkar et al.", 2024, "feedback", "pedagogical_alignment"),
    Entry(37, "LLM Prompt Evaluation for Educational Applications", "", 2026, "analysis", "prompt_tournament"),
    Entry(38, "Light-IF", "Wang et al.", 2025, "reward", "light_if"),
    Entry(39, "Can LLMs Learn by Teaching?", "Ning et al.", 2024, "feedback", "learning_by_teaching"),
    Entry(40, "GAIN-RL: Angles Don't Lie", "Wang et al.", 2025, "online", "gain_rl"),
    Entry(41, "Dynamic Prompt Learning via Policy Gradient (PromptPG)", "Lu et al.", 2023, "context", "promptpg"),
    Entry(42, "MaskSearch", "Wu et al.", 2025, "generated", "masksearch"),
    Entry(43, "Memory-R+: Reasoning Under 1 Billion", "Le et al.", 2025, "reward", "memory_r"),
    Entry(
        44, "Interactive In-Context Learning from Natural Language Feedback", "", 2026, "feedback", "language_feedback"
    ),
    Entry(45, "EDCO: Dynamic Curriculum Orchestration", "", 2026, "order", "edco"),
    Entry(
        46, "Training Curricula for Open Domain Answer Re-Ranking", "MacAvaney et al.", 2020, "order", "fading_weights"
    ),
    Entry(47, "RLP: Reinforcement as a Pretraining Objective", "Hatamizadeh et al.", 2025, "reward", "rlp"),
    Entry(48, "TAROT", "", None, "reward", "tarot"),
    Entry(49, "The Thinking Boundary (Dual Tuning)", "", 2026, "analysis", "thinking_boundary"),
    Entry(50, "GLAN: Synthetic Data (Almost) from Scratch", "Li et al.", 2024, "generated", "glan"),
    Entry(51, "ViRC: Reason Chunking", "", None, "generated", "virc"),
    Entry(52, "Parallel-R1", "Zheng et al.", 2025, "reward", "parallel_r1"),
    Entry(53, "Metacognitive Reuse", "Didolkar et al.", 2025, "context", "behavior_handbook"),
    Entry(54, "FUT: Sample-Order Effects without Retraining", "Yang et al.", 2025, "analysis", "order_effects"),
    Entry(
        55, "TAPIR: Task-aware Curriculum Planning for Instruction Refinement", "Yue et al.", 2024, "generated", "tapir"
    ),
    Entry(56, "CRM: Collaborative Reward Modeling", "Zhang et al.", 2025, "feedback", "collaborative_reward"),
    Entry(57, "Enriched Instruction Tuning", "Cai et al.", 2024, "generated", "enriched_tuning"),
    Entry(58, "SearchGym", "", 2026, "generated", "searchgym"),
)


_ENTRIES = {entry.function: entry for entry in CATALOG}


def method_of(name: str) -> Method:
    """A method by its name; its file is imported when it is first asked for."""
    entry = _ENTRIES.get(name)
    if entry is None:
        written = ", ".join(e.function for e in CATALOG if e.path.exists())
        raise AttributeError(f"curriculab.methods has no {name!r}; it has {written}")
    if not entry.path.exists():
        raise AttributeError(f"the method {name!r} ({entry.title}) is planned and not written yet")
    return getattr(_module(entry), name)


def _module(entry: Entry) -> ModuleType:
    return importlib.import_module(f"curriculab.methods.{entry.group}.{entry.function}")


def checkable() -> list[Entry]:
    """Methods that are written and claim something: all but the three random controls."""
    return [entry for entry in CATALOG if entry.path.exists() and entry.function not in CONTROLS]


def catalog() -> pd.DataFrame:
    """CATALOG as a table: number, title, authors, year, group, function, status."""
    columns = ("number", "title", "authors", "year", "group", "function", "status")
    table = pd.DataFrame([{c: getattr(entry, c) for c in columns} for entry in CATALOG])
    return table.astype({"number": "Int64", "year": "Int64"})
