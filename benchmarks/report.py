"""Generate RESULTS.md and the tables of README.md from the JSON files in benchmarks/results.

    python -m benchmarks.report  # needs matplotlib

RESULTS.template.md contains ``{{table NAME}}``, with a name of `TABLES`, and figures as
``{{benchmark; machine; row; column; format}}``. A table of README.md follows the comment
``<!-- table NAME -->``, with a name of `README_TABLES`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import few_labels_chart
from benchmarks.network_speed import VARIANTS
from benchmarks.probability_scores import LOSSES
from benchmarks.results import RESULTS

if TYPE_CHECKING:
    from collections.abc import Callable

REPORT = Path(__file__).parent / "RESULTS.md"
TEMPLATE = REPORT.with_suffix(".template.md")
README = Path(__file__).parents[1] / "README.md"
README_MACHINE = "Intel AVX-512"
README_CASES = {
    "base, 1 x 32": "1 text of 32 tokens",
    "base, 8 x 128": "8 texts of 128 tokens",
    "base, 8 texts of 8..128": "8 texts of 8 to 128 tokens",
    "base, 1,000 texts, sorted": "1,000 paragraphs, sorted by length",
    "base, 1,000 texts, in arrival order": "1,000 paragraphs, unsorted",
}
README_ENGINES = {"with MKL": "MKL", "torch": "torch", "ONNX Runtime": "ONNX Runtime"}
OUR_MS, MKL_RATIO = "skdistilbert, ms", "MKL / skdistilbert"
# The report shows some rows; the files contain all rows.
SHOWN_CASE = r"tiny, 8 x 128$|base, \d x \d+$|.*8\.\.128$"
SHOWN_CASE_OF_THREADS = r"base, (1 x 32|8 x 128|8 texts of 8\.\.128)$"
TASKS = [
    f"{task}, {kind}" for task in ("TREC-6", "Banking77") for kind in ("frozen", "fine-tuned")
]
FEW_LABELS_TASKS = {"TREC-6": "few_labels_trec", "Banking77": "few_labels_banking77"}
FEW_LABELS_FORMATS = {
    "accuracy": ".3f",
    "log loss": ".2f",
    "calibration error": ".2f",
    "fit, s": ".3g",
}

Columns = dict[str, float]
Table = list[list[str]]
Row = tuple[str, str, str]  # label, benchmark, row of its results


class Records:
    """All results, by benchmark and kind of machine."""

    def __init__(self, directory: Path) -> None:
        self.files = {
            file.name: json.loads(file.read_text("utf-8")) for file in sorted(directory.glob("*"))
        }
        self._results = {}
        for record in self.files.values():
            name, machine = record["benchmark"], record["machine"]["kind"]
            self._results[name, machine] = record["results"]
            if with_mkl := results_with_mkl(record["results"]):
                self._results[name, f"{machine}, MKL"] = with_mkl

    def results(self, benchmark: str) -> dict[str, Columns]:
        """Return the results of a benchmark that ran on one kind of machine."""
        (machine,) = self.machines(benchmark)
        return self._results[benchmark, machine]

    def machines(self, *benchmarks: str) -> list[str]:
        return sorted({kind for name, kind in self._results if name in benchmarks})

    def rows(self, benchmark: str, pattern: str = "") -> list[Row]:
        """Return the rows of all machines whose names match the pattern from the beginning."""
        results = [rows for (name, _), rows in self._results.items() if name == benchmark]
        names = dict.fromkeys(row for rows in results for row in rows)
        return [(row, benchmark, row) for row in names if re.match(pattern, row)]

    def columns(self, benchmark: str, machine: str, row: str) -> Columns:
        columns: Columns = self._results.get((benchmark, machine), {}).get(row, {})
        return columns

    def figure(self, reference: str) -> str:
        benchmark, machine, row, column, format_ = reference.split("; ")
        return f"{self.columns(benchmark, machine, row)[column]:{format_}}"

    def by_machine(self, rows: list[Row], cell: Callable[[Columns], str]) -> Table:
        machines = self.machines(*{benchmark for _, benchmark, _ in rows})
        lines = [
            [label, *(cell(self.columns(benchmark, machine, row)) for machine in machines)]
            for label, benchmark, row in rows
        ]
        return [["", *machines], *lines]


def results_with_mkl(results: dict[str, Columns]) -> dict[str, Columns]:
    """Return our time with MKL and the ratios of the peers to it, where both were measured."""
    found = {}
    for row, columns in results.items():
        if MKL_RATIO in columns:
            ratio = columns[MKL_RATIO]
            peers = {x: y / ratio for x, y in columns.items() if x not in (OUR_MS, MKL_RATIO)}
            found[row] = {OUR_MS: columns[OUR_MS] * ratio, **peers}
    return found


def cell(columns: Columns) -> str:
    """Return time and ratios, such as "23.4 ms, 1.58, 0.81", or score, seconds and ratio."""
    parts = []
    for name, value in columns.items():
        if name == "score":
            theirs = (
                f" (torch {scores(columns, 'torch score')})" if "torch score" in columns else ""
            )
            parts.append(scores(columns, name) + theirs)
        elif name.endswith("/ skdistilbert") and name.partition(" /")[0] not in VARIANTS:
            parts.append(f"{value:.2f}")
        elif name.endswith(", ms"):
            parts.append(duration(value))
        elif name in ("fit, s", "s"):
            parts.append(f"{value:.3g} s")
        elif name.endswith(", MB"):
            parts.append(f"{value:,.0f} MB")
        elif name in ("skdistilbert, texts per second", "encodings"):
            parts.append(f"{value:,.3g}" if value < 1000 else f"{value:,.0f}")
    return ", ".join(parts)


def duration(milliseconds: float) -> str:
    seconds = milliseconds / 1000
    return f"{milliseconds:.3g} ms" if milliseconds < 1000 else f"{seconds:.3g} s"


def scores(columns: Columns, name: str) -> str:
    """Return a score, with log loss and calibration error if known, such as "0.968/0.14/0.02"."""
    if name not in columns:
        return ""
    losses = [columns[x] for loss in LOSSES if (x := f"{name}, {loss}") in columns]
    return "/".join([f"{columns[name]:.3f}", *(f"{x:.2f}" for x in losses)])


def start_cell(columns: Columns) -> str:
    if "process, s" in columns:
        return f"{columns['process, s']:.2f} s, {columns['process / functions']:.2f}"
    return f"{1000 * columns['import, s']:.0f} ms" if "import, s" in columns else cell(columns)


def real_texts(records: Records) -> Table:
    rows = records.rows("network_speed", "base, 1,000 texts")
    return records.by_machine([*rows, *records.rows("network_speed_pairs")], cell)


def threads(records: Records) -> Table:
    """Return our time and the ratios for one and two threads and free-threaded Python."""
    variants = {"2 threads": "", "1 thread": "_1_thread", "Python 3.14t": "_python_3_14t"}
    (machine,) = records.machines("network_speed_1_thread")
    table = [[machine, *variants]]
    for row, *_ in records.rows("network_speed", SHOWN_CASE_OF_THREADS):
        names = [f"network_speed{variant}" for variant in variants.values()]
        table.append([row, *(cell(records.columns(name, machine, row)) for name in names)])
    return table


def fine_tuning(records: Records) -> Table:
    tasks = {"TREC-6": "trec", "TREC-6, [CLS]": "trec_cls", "Banking77": "banking77"}
    tasks["WNUT17 (F1)"] = "wnut17"
    rows = [
        (f"{title}, {row}", benchmark, row)
        for title, name in tasks.items()
        for _, benchmark, row in records.rows(f"fine_tuning_{name}", "trainable_layers=(all|2)")
    ]
    return records.by_machine([*rows, *records.rows("fine_tuning_step")], cell)


def bundled_model(records: Records) -> Table:
    (machine,) = records.machines("bundled_model")
    formats = {"texts per second": ",.0f", "times 66M": ".1f"}
    table = [[machine, "Spearman", *TASKS, *formats]]
    for row, *_ in records.rows("bundled_model"):
        columns = records.columns("bundled_model", machine, row)
        speed = [f"{columns[x]:{f}}" if x in columns else "" for x, f in formats.items()]
        table.append([row, *(scores(columns, name) for name in ("Spearman", *TASKS)), *speed])
    return table


def few_labels(records: Records) -> Table:
    """Return the scores with eight texts per class, of TF-IDF and of MiniLM."""
    header, lines = [""], {}
    for task, name in FEW_LABELS_TASKS.items():
        (machine,) = records.machines(name)
        header += [f"{task}, {column}" for column in FEW_LABELS_FORMATS]
        for row, *_ in records.rows(name, "8 per class, .*(LR|MiniLM|SetFit)$"):
            columns = records.columns(name, machine, row)
            cells = [f"{columns[x]:{f}}" for x, f in FEW_LABELS_FORMATS.items()]
            method = row.partition("per class, ")[2].removesuffix(", MiniLM")
            lines[method] = lines.get(method, [method]) + cells
    return [header, *(line + [""] * (len(header) - len(line)) for line in lines.values())]


def install_size(records: Records) -> Table:
    """Return size and cold start, with their ratios to ours."""
    (machine,) = records.machines("install_size")
    table = [[machine, "installation", "ratio", "first embedding after", "ratio"]]
    for row, *_ in records.rows("install_size"):
        columns, size = records.columns("install_size", machine, row), ["", ""]
        if "size, MB" in columns:
            size = [f"{columns['size, MB']:,.0f} MB", f"{columns['size ratio']:.2f}"]
        start = [f"{columns['process, s']:.2f} s", f"{columns['process ratio']:.2f}"]
        table.append([row, *size, *start])
    return table


def readme_install(records: Records) -> Table:
    return [[row[0], row[1], row[3]] for row in install_size(records)]


def readme_accuracy(records: Records) -> Table:
    """Return test scores of TF-IDF, the bundled model and MiniLM."""
    (machine,) = records.machines("bundled_model")
    table = [["", *TASKS, "texts per second"]]
    for row in ("TF-IDF", "mini", "MiniLM, the teacher"):
        columns = records.columns("bundled_model", machine, row)
        cells = [scores(columns, task) for task in TASKS]
        if row.startswith("MiniLM"):
            # The latest measurements with several seeds.
            tasks = (1, "trec", "Intel AVX-512"), (3, "banking77", "AMD Zen 5")
            for column, task, kind in tasks:
                name = f"fine_tuning_{task}"
                tuned = records.columns(name, kind, "trainable_layers=all")
                cells[column] = scores(tuned, "score")
        speed = f"{columns['texts per second']:,.0f}" if "texts per second" in columns else ""
        table.append([row.partition(",")[0], *cells, speed])
    return table


def readme_speed(records: Records) -> Table:
    """Return the times of skdistilbert, also with MKL, and of the peers."""
    table = [["", "skdistilbert", *README_ENGINES]]
    for row, label in README_CASES.items():
        columns = records.columns("network_speed", README_MACHINE, row)
        ratios = [1.0, *(columns[f"{name} / skdistilbert"] for name in README_ENGINES.values())]
        table.append([label, *(duration(columns[OUR_MS] * ratio) for ratio in ratios)])
    return table


def attributions(records: Records) -> Table:
    """Return the measures of each method on the texts that all methods explain."""
    (machine,) = records.machines("attributions")
    formats = {"comprehensiveness": ".2f", "sufficiency": ".2f", "log odds": ".1f"}
    formats["ms per text"] = ",.0f"
    table = [[machine, *formats]]
    for row, *_ in records.rows("attributions", ".*, 30 texts"):
        columns = records.columns("attributions", machine, row)
        cells = [f"{columns[name]:{x}}" for name, x in formats.items()]
        table.append([row.removesuffix(", 30 texts"), *cells])
    return table


def difference(columns: Columns) -> str:
    return f"{columns['largest difference']:.1e}" if columns else ""


def exactness(records: Records) -> Table:
    labels = {"small": "random weights, dim 32", "big": "random weights, 66M", "minilm": "MiniLM"}
    rows = [(label, f"validate_parity_{size}", size) for size, label in labels.items()]
    return records.by_machine(rows, difference)


def measurements(records: Records) -> Table:
    """Return the date and the commit of each measurement of a machine, with links to the files."""
    found: dict[str, list[str]] = {}
    for name, record in records.files.items():
        link = f"[{record['benchmark']}](results/{name}) {record['date']} {record['commit']}"
        found.setdefault(record["machine"]["kind"], []).append(link)
    lines = [[machine, ", ".join(links)] for machine, links in sorted(found.items())]
    return [["machine", "benchmark, date and commit"], *lines]


TABLES: dict[str, Callable[[Records], Table]] = {
    "fixed_cases": lambda records: records.by_machine(
        records.rows("network_speed", SHOWN_CASE), cell
    ),
    "real_texts": real_texts,
    "threads": threads,
    "fine_tuning": fine_tuning,
    "tokenizer": lambda records: records.by_machine(records.rows("tokenizer_speed"), cell),
    "cold_start": lambda records: records.by_machine(records.rows("cold_start"), start_cell),
    "install_size": install_size,
    "bundled_model": bundled_model,
    "few_labels": few_labels,
    "grid_search": lambda records: records.by_machine(
        records.rows("grid_search_cache_1_jobs"), cell
    ),
    "attributions": attributions,
    "exactness": exactness,
    "measurements": measurements,
}

README_TABLES: dict[str, Callable[[Records], Table]] = {
    "install": readme_install,
    "accuracy": readme_accuracy,
    "speed": readme_speed,
}


def markdown(table: Table) -> str:
    header, *rows = [[cell.replace("|", "\\|") for cell in row] for row in table]
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def contents(template: str) -> str:
    """Return links to all sections, with the anchors that GitHub gives to headings."""
    titles = re.findall(r"^## (.*)$", template, re.MULTILINE)
    anchors = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
    return " · ".join(f"[{x}](#{anchor})" for x, anchor in zip(titles, anchors, strict=True))


def generate(directory: Path = RESULTS) -> str:
    template, records = TEMPLATE.read_text("utf-8"), Records(directory)

    def replacement(match: re.Match[str]) -> str:
        kind, _, name = match[1].partition(" ")
        if match[1] == "contents":
            return contents(template)
        return markdown(TABLES[name](records)) if kind == "table" else records.figure(match[1])

    # One line per paragraph, as figures change the length of lines.
    is_paragraph = re.compile(r"[^#|{!-]|\{\{[^}]*;")
    blocks = template.strip().split("\n\n")
    lines = [x.replace("\n", " ") if is_paragraph.match(x) else x for x in blocks]
    return re.sub(r"\{\{(.*?)\}\}", replacement, "\n\n".join(lines) + "\n")


def update_readme(text: str, directory: Path = RESULTS) -> str:
    """Return the text of README.md with its tables replaced."""
    records = Records(directory)

    def replacement(match: re.Match[str]) -> str:
        table = markdown(README_TABLES[match[2]](records))
        return match[1] + re.sub(r" ?\| ?", "|", table) + "\n"

    return re.sub(r"(<!-- table (\w+) -->\n)(?:\|.*\n)*", replacement, text)


if __name__ == "__main__":
    if any(RESULTS.glob("few_labels*")):
        records = Records(RESULTS)
        few_labels_chart.draw({x: records.results(name) for x, name in FEW_LABELS_TASKS.items()})
    REPORT.write_text(generate(), "utf-8")
    README.write_text(update_readme(README.read_text("utf-8")), "utf-8")
