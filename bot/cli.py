"""The command line. Help is instant: every command imports what it needs when it runs."""

import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from bot.cli_account import account
from bot.cli_audit import audit
from bot.cli_backup import restore
from bot.cli_bench import bench
from bot.cli_chart import chart
from bot.cli_cohort import cohort
from bot.cli_content import content
from bot.cli_experiment import experiment
from bot.cli_family import family
from bot.cli_feed import feed
from bot.cli_fhir import client, fhir
from bot.cli_keys import keys
from bot.cli_mass import mass
from bot.cli_nlu import nlu
from bot.cli_patient import patient
from bot.cli_plan import plan
from bot.cli_questionnaire import questionnaire
from bot.cli_reach import reach
from bot.cli_report import report
from bot.cli_retention import retention
from bot.cli_risk import risk
from bot.cli_rule import rule
from bot.cli_sending import sending
from bot.cli_stuck import stuck
from bot.cli_tag import tag
from bot.cli_work import work

app = typer.Typer(
    name="careloop",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Rich would take longer to load than everything else together.
    rich_markup_mode=None,
    help=(
        "CareLoop, a hospital's follow-up assistant in WeCom (企业微信).\n\n"
        "Start with `careloop serve` and open http://127.0.0.1:8080/sandbox: you play a mother in WeChat on the left and a nurse in "
        "WeCom on the right. Settings come from careloop.toml and from CARELOOP_… variables; `careloop doctor` checks them."
    ),
)
app.add_typer(account, name="account")
app.add_typer(audit, name="audit")
app.add_typer(bench, name="bench")
app.add_typer(plan, name="plan")
app.add_typer(nlu, name="nlu")
app.add_typer(questionnaire, name="questionnaire")
app.add_typer(family, name="family")
app.add_typer(patient, name="patient")
app.add_typer(content, name="content")
app.add_typer(chart, name="chart")
app.add_typer(cohort, name="cohort")
app.add_typer(risk, name="risk")
app.add_typer(report, name="report")
app.add_typer(retention, name="retention")
app.add_typer(experiment, name="experiment")
app.add_typer(tag, name="tag")
app.add_typer(rule, name="rule")
app.add_typer(fhir, name="fhir")
app.add_typer(feed, name="feed")
app.add_typer(work, name="work")
app.add_typer(reach, name="reach")
app.add_typer(mass, name="mass")
app.add_typer(restore, name="restore")
app.add_typer(sending, name="sending")
app.add_typer(stuck, name="stuck")
app.add_typer(keys, name="keys")

Port = Annotated[int | None, typer.Option(help="Port to listen on (setting: port).")]
Host = Annotated[str | None, typer.Option(help="Address to listen on (setting: host).")]
File = Annotated[Path | None, typer.Argument(help="JSON lines; standard input when left out.", dir_okay=False)]


@app.command()
def serve(port: Port = None, host: Host = None) -> None:
    """Everything on one machine: database, simulator (without WeCom settings), pages, worker.

    The first start makes the database and trains the model, with a progress bar. Then open /sandbox. Ctrl-C stops all of it.
    """
    from bot.cli_run import run_serve_command

    run_serve_command(host=host, port=port)


@app.command()
def gateway(port: Port = None, host: Host = None) -> None:
    """Only WeCom's callback: verify, decrypt, note that there is news. Knows no patient and no model."""
    from bot.cli_run import run_gateway_command

    run_gateway_command(host=host, port=port)


@app.command()
def edge(port: Port = None, host: Host = None) -> None:
    """Only the door to the internet, in the DMZ: no database, no patient, nothing that could read a callback. The inner side dials out to
    it (`edge-link`); while it is away callbacks wait here and families see a calm page. See docs/deployment.md.
    """
    from bot.cli_run import run_edge_command

    run_edge_command(host=host, port=port)


@app.command("edge-link")
def edge_link() -> None:
    """Only the line from inside to the edge in the DMZ: dials out, and puts what the edge is asked to the gateway and the pages."""
    from bot.cli_run import run_link_command

    run_link_command()


@app.command()
def web(port: Port = None, host: Host = None) -> None:
    """Only the pages, for a machine of their own."""
    from bot.cli_run import run_web_command

    run_web_command(host=host, port=port)


@app.command()
def worker(
    dialogue: Annotated[bool, typer.Option(help="Load the dialogue model (12 s). Without it triage answers and people are called.")] = True,
    port: Annotated[int | None, typer.Option(help="Port for /healthz, /readyz and /metrics. Left out: none.")] = None,
    host: Host = None,
) -> None:
    """Pull messages, answer, send, escalate, run follow-ups. Start as many as you like, on any machine.

    Drain one by SIGTERM (`systemctl stop`, `docker stop`): it takes nothing new, finishes within 45 s what it holds, and exits with 0.
    """
    from bot.cli_run import run_worker_command

    run_worker_command(dialogue=dialogue, host=host, port=port)


@app.command()
def intake() -> None:
    """Only the MLLP listener for hospital messages (setting: intake.mllp_port): stored first, acknowledged then. `serve` starts it too."""
    from bot.cli_run import run_intake_command

    run_intake_command()


@app.command()
def migrate(
    before: Annotated[bool, typer.Option("--before", help="Only what older processes can live with: ahead of a rolling upgrade.")] = False,
) -> None:
    """Bring the database's schema forward, as a step of its own (setting migrate = false keeps the roles from it); docs/deployment.md."""
    from bot.cli_run import migrate_command

    migrate_command(before=before)


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="Where base backups and WAL are kept: another disk, another machine.", file_okay=False)],
    wal: Annotated[bool, typer.Option("--wal", help="Fetch what the database writes as it writes it, until stopped.")] = False,
) -> None:
    """A base backup of the database; with --wal every change since, so that any moment can be returned to. See docs/deployment.md."""
    from bot.backup_command import backup_command

    backup_command(folder, wal=wal)


@app.command()
def train(
    force: Annotated[bool, typer.Option("--force", help="Train even when nothing changed since the last model.")] = False,
    second_reader: Annotated[
        bool, typer.Option("--second-reader", help="Teach the second reader of triage from nlu_data/second_reader/ instead.")
    ] = False,
) -> None:
    """Train the dialogue model from nlu_data/, bot/domain, bot/rules and config.yml into models/. About a minute."""
    from bot.cli_run import teach_command, train_command

    if second_reader:
        return teach_command()
    train_command(force=force)


@app.command()
def understand(
    file: File = None,
    image: Annotated[list[Path] | None, typer.Option(help="Read a photographed device or lab report instead; may be repeated.")] = None,
) -> None:
    """What a message says: symptoms, measurements, medicines, questions to ask back. JSON lines in, JSON lines out.

    The intent comes from the trained model; without one (see `careloop train`) intent, confidence and in_scope are null.

    In: {"id": "a1", "text": "没咳嗽，昨晚烧到38度5", "patient": {"age_months": 7}, "now": "2026-03-01T08:00:00+08:00"}
    """
    if image:
        from bot.cli_lines import run_pictures

        return run_pictures(image)
    from bot.cli_lines import run_lines
    from bot.dialogue.intent import reader_at_hand
    from tagging.command import understand_line

    # Not through cli_run, whose settings and logging would take longer than the answer.
    reader = reader_at_hand(Path(__file__).parent.parent)
    run_lines(file, lambda line: understand_line(line, classify=reader.of_text if reader is not None else None))


@app.command()
def triage(file: File = None) -> None:
    """How urgent a message or a value is, and why. Needs no model, database or network. JSON lines in, JSON lines out.

    In: {"id": "c2", "patient": {"age_days": 89}, "input": {"vital": "temperature", "value": 38.0, "unit": "℃"}}
    """
    from bot.cli_lines import run_lines
    from tagging.command import triage_line

    run_lines(file, triage_line)


@app.command()
def hl7(
    files: Annotated[list[Path], typer.Argument(help="Messages, batches or recorded MLLP streams.")],
    charset: Annotated[str | None, typer.Option(help="Read them in this charset, whatever they say (setting of a feed).")] = None,
) -> None:
    """What HL7 v2 messages say: patient, visit, results, orders, appointments, a JSON line for each. Needs no database.

    One that cannot be read gets its reason on standard error, the others are told, and the exit code is 1; see docs/hospital-data.md.
    """
    from bot.cli_hl7 import run_hl7

    run_hl7(files, charset)


@app.command()
def evaluate(
    topic: Annotated[str, typer.Argument(help="language, triage, measurements or retrieval.")],
    file: Annotated[Path | None, typer.Option(help="Labelled JSON lines; else the frozen sets.", dir_okay=False, exists=True)] = None,
    worst: Annotated[int, typer.Option(help="How many of the worst errors to show.")] = 30,
) -> None:
    """How good the reading is: precision, recall and F1 with 95 % intervals, confusion by status and level, the worst errors.

    Lines: {"patient": …, "input": …, "expect": {"level": …, "category": …}} for triage, or those of the public research sets; for
    measurements {"text", "patient", "question", "expect": [{"vital", "value", "unit"}]} ("ask": a question must come back).
    """
    from bot.cli_evaluate import Topic, run_evaluation

    if topic not in Topic.__members__:
        raise typer.BadParameter("choose language, triage, measurements or retrieval")
    run_evaluation(Topic(topic), file, worst)


@app.command()
def doctor() -> None:
    """Check settings, database, model and WeCom, and say in words what is wrong and where to mend it."""
    from bot.cli_run import doctor_command

    doctor_command()


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help='JSON lines with a "text", or plain lines.', exists=True, dir_okay=False)],
    limit: Annotated[int, typer.Option(help="How many lines to play.")] = 1000,
    out: Annotated[Path | None, typer.Option(help="Write every message with what became of it, as JSON lines.")] = None,
) -> None:
    """Play messages through a simulator of its own and this installation's whole road, and say what became of each."""
    from bot.cli_run import replay_command

    replay_command(file, limit=limit, out=out)


@app.command()
def demo(seconds: Annotated[float, typer.Option(help="For reading, after each step.")] = 8) -> None:
    """Play three minutes on the sandbox of a running `careloop serve`, and tell what happens: docs/demo.md."""
    from bot.demo_play import demo_command

    demo_command(seconds=seconds)


@app.command()
def simulator(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8099,
    config: Annotated[Path | None, typer.Option(help="TOML file with corp, apps, accounts, members; see docs/simulator.md.")] = None,
    state: Annotated[Path | None, typer.Option(help="Keep the simulated world in this file over restarts.")] = None,
    callback: Annotated[str | None, typer.Option(help="Where callbacks go, such as http://127.0.0.1:8080/wecom/callback.")] = None,
) -> None:
    """A WeCom server to develop against, alone: point any WeCom SDK at http://127.0.0.1:PORT."""
    from bot.cli_run import simulator_command

    simulator_command(port=port, config=config, state=state, callback=callback)


@app.command()
def staff(
    userid: Annotated[str, typer.Argument(help="The clinician's userid in WeCom.")],
    name: Annotated[str, typer.Argument(help="Name.")],
    team: Annotated[str, typer.Option(help="Team; made when it is new.")],
    title: Annotated[str, typer.Option(help="Title, such as 护士.")] = "护士",
    phone: Annotated[str | None, typer.Option(help="The team's telephone, told to families when nobody can be reached.")] = None,
    tier: Annotated[int | None, typer.Option(min=1, help="On-call tier: 1 is asked first. Left out: not on call.")] = None,
) -> None:
    """Put a clinician on file, or change his team, title and on-call tier."""
    from bot.cli_run import staff_command

    staff_command(userid, name, team=team, title=title, phone=phone, tier=tier)


@app.command()
def enrol(
    record_number: Annotated[str, typer.Argument(help="The hospital's record number.")],
    name: Annotated[str, typer.Argument(help="The child's name.")],
    born: Annotated[str, typer.Option(help="Birth date, 2026-03-01.")],
    discharged: Annotated[str, typer.Option(help="Discharge date.")],
    team: Annotated[str, typer.Option(help="Team that follows the child.")],
    carer: Annotated[
        str | None, typer.Option(help="The carer's external_userid, when known and consent is on paper. Left out: binds by itself.")
    ] = None,
    phone: Annotated[list[str] | None, typer.Option(help="The family's telephone on file; may be repeated.")] = None,
    birth_weight: Annotated[float | None, typer.Option(help="Birth weight in grams.")] = None,
    sex: Annotated[str | None, typer.Option(help="F or M.")] = None,
    weeks: Annotated[int | None, typer.Option(help="Gestational age in weeks; below 37 tags the child as preterm.")] = None,
    carer_name: Annotated[str, typer.Option(help="The carer's name.")] = "家长",
    relationship: Annotated[str, typer.Option(help="母亲, 父亲, 祖母 …")] = "母亲",
    hour: Annotated[int | None, typer.Option(help="Hour at which the family wants to be asked. Left out: the usual one.")] = None,
    plan: Annotated[str, typer.Option(help="Plan template.")] = "neonatal",
) -> None:
    """Put a discharged child on file and on a follow-up plan; the carer too, or print the sheet by which the family binds itself."""
    from bot.cli_run import enrol_command

    enrol_command(
        {
            "record_number": record_number,
            "name": name,
            "born": born,
            "discharged": discharged,
            "sex": sex,
            "birth_weight_g": birth_weight,
            "weeks": weeks,
            "carer_userid": carer,
            "carer_name": carer_name,
            "relationship": relationship,
            "hour": hour,
            "team": team,
            "plan": plan,
            "phones": tuple(phone or ()),
        }
    )


@app.command()
def seed(
    patients: Annotated[int, typer.Option(help="How many patients.")],
    days: Annotated[int, typer.Option(help="How many days back visits, readings and messages reach.")] = 365,
    seed: Annotated[int, typer.Option(help="Which of all possible hospitals: the same number makes the same one.")] = 1,
    into: Annotated[Path, typer.Option(help="Data folder with an embedded database of its own.")] = Path(".careloop/synthetic"),
    configured: Annotated[bool, typer.Option("--configured", help="Into the database of the settings instead; it must be empty.")] = False,
) -> None:
    """A synthetic hospital to try things on: departments, staff, patients with visits, readings, results, tags, messages and plans.

    A database that holds anything real is refused; a synthetic hospital is replaced. A million patients need 14 GB.
    """
    from bot.synthetic.command import seed_command

    seed_command(patients, days=days, seed=seed, into=into, configured=configured)


def _list_in_full(commands: typer.Typer) -> None:
    """In a list of commands each shows the whole first paragraph of its help, where click would cut it off after some words."""
    commands.info.short_help = commands.info.help
    for command in commands.registered_commands:
        command.short_help = " ".join(((command.callback and command.callback.__doc__) or "").split("\n\n")[0].split())


def main() -> None:
    """Run the command line; our own errors become one sentence and exit code 1."""
    # Libraries of 2023 warn about the Python of today; nobody who runs the service can do anything about it.
    warnings.simplefilter("ignore", DeprecationWarning)
    listed = (
        app, audit, bench, plan, questionnaire, nlu, family, patient, content, chart, cohort, report, retention, experiment,
        tag, rule, fhir, client, feed, work, mass, reach, restore, keys, sending, stuck,
    )  # fmt: skip
    for each in listed:
        _list_in_full(each)
    try:
        app(prog_name="careloop")
    except Exception as err:
        if getattr(err, "code", None) is None or not isinstance(getattr(err, "permanent", None), bool):
            raise
        sys.stderr.write(f"careloop: {err}\n")
        raise SystemExit(1) from err
