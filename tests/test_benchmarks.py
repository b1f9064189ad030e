"""The benchmarks run on tiny input, and their report is up to date."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pytest

from benchmarks import (
    attributions,
    bundled_model,
    cold_start,
    compare_checkouts,
    few_labels,
    few_labels_chart,
    fine_tuning,
    grid_search_cache,
    install_size,
    measuring,
    network_speed,
    report,
    serving,
    tokenizer_speed,
)
from benchmarks.measuring import EngineProcess
from benchmarks.probability_scores import probability_scores
from benchmarks.results import RESULTS, processor_kind, save
from skdistilbert import DistilBertClassifier

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks"
OURS = ["--engines", "skdistilbert"]
needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(autouse=True)
def _short_measurements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "SECONDS_PER_MEASUREMENT", 0.01)


def run(main: Callable[[list[str]], None], directory: Path, *arguments: str) -> dict[str, Any]:
    """Run a script and return the results that it saves."""
    main([*arguments, "--save", str(directory)])
    (file,) = directory.glob("*.json")
    record: dict[str, Any] = json.loads(file.read_text("utf-8"))
    assert {"python", "numpy"} <= record["versions"].keys()
    assert record["machine"]["cores"] >= 1
    return record["results"]


def test_network_speed(tmp_path: Path) -> None:
    options = [*OURS, "--n-texts", "20", "--rounds", "1", "--only", "tiny, 1 x (16|32)"]
    results = run(network_speed.main, tmp_path, *options)
    assert results.keys() == {"tiny, 1 x 16", "tiny, 1 x 32"}
    assert results["tiny, 1 x 16"]["skdistilbert, ms"] > 0


def test_network_speed_of_variants(tmp_path: Path) -> None:
    options = [*OURS, "--variants", "NumPy", "--rounds", "1", "--only", "tiny, 1 x 16"]
    results = run(network_speed.main, tmp_path, *options)
    assert results["tiny, 1 x 16"]["NumPy / skdistilbert"] > 0


def test_pass_profile() -> None:
    options = ["--rounds", "5", "--only", "tiny, 1"]
    command = [sys.executable, "-m", "benchmarks.pass_profile", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert re.match(r"tiny, 1 x 32 [\d.]+ .*'attention': 0\.\d+.*'other': 0\.\d+", done.stdout)


def test_network_speed_has_all_cases() -> None:
    options = network_speed.parser().parse_args(["--n-texts", "140"])
    names = [str(case) for case in network_speed.cases(options)]
    assert len(names) == len(set(names)) == 25
    files = "network_speed_amd_zen_5.json", "network_speed_pairs_amd_avx2.json"
    saved = [json.loads((RESULTS / file).read_text("utf-8"))["results"] for file in files]
    assert {name.replace("140", "1,000") for name in names} == saved[0].keys() | saved[1].keys()


@needs_proc
def test_cold_start(tmp_path: Path) -> None:
    options = ["--engines", "functions", "estimator", "--size", "tiny", "--rounds", "1"]
    results = run(cold_start.main, tmp_path, *options, "--n-memory", "100")
    assert results["cold start, functions"]["process / functions"] == 1
    assert results["cold start, estimator"]["import, s"] > 0
    assert results["memory, 100 texts of 8 words"]["peak, MB"] > 0


def test_install_size_counts_files_once(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(b"0" * 1000)
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "file")
    assert install_size.size_on_disk(tmp_path) == 1000


@pytest.mark.parametrize("name", install_size.PACKAGES)
def test_programs_of_install_size_are_valid(name: str) -> None:
    compile(install_size.PACKAGES[name].program.format("directory"), name, "exec")


def test_fine_tuning_step(tmp_path: Path) -> None:
    options = ["step", *OURS, "--size", "tiny", "--rounds", "1"]
    assert run(fine_tuning.main, tmp_path, *options)["step"]["skdistilbert, ms"] > 0


def write_tasks(directory: Path) -> None:
    """Write tiny data sets in the formats of TREC-6, Banking77 and WNUT17."""
    for name in ("trec", "banking77", "wnut17"):
        (directory / name).mkdir()
    for part in ("train", "test"):
        lines = [f"{label}:x where is {label} {i}" for label in "AB" for i in range(8)]
        (directory / "trec" / f"{part}.txt").write_text("\n".join(lines))
        rows = [f"where is {label} {i},{label}" for label in "AB" for i in range(8)]
        (directory / "banking77" / f"{part}.csv").write_text("\n".join(["text,category", *rows]))
    tokens = "Ada\tB-person\nwalks\tO\n\nRome\tB-location\nsleeps\tO\n\n" * 8
    for name in ("wnut17train.conll", "emerging.test.annotated"):
        (directory / "wnut17" / name).write_text(tokens)


@pytest.mark.minilm
@pytest.mark.parametrize("task", ["trec", "banking77", "wnut17"])
def test_fine_tuning(task: str, tmp_path: Path) -> None:
    write_tasks(tmp_path)
    options = [task, "--data", str(tmp_path / task), *OURS, "--seeds", "1", "--layers", "0", "1"]
    results = run(fine_tuning.main, tmp_path / "results", *options, "--epochs", "1")
    assert results.keys() == {"trainable_layers=0", "trainable_layers=1"}
    columns = results["trainable_layers=1"]
    assert 0 <= columns["score"] <= 1
    assert ("score, log loss" in columns) == (task != "wnut17")


@pytest.mark.minilm
def test_bundled_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled_model, "ROUNDS", 1)
    monkeypatch.setattr(bundled_model, "N_SEEDS", {"TREC-6": 2, "Banking77": 1})
    write_tasks(tmp_path)
    results = run(bundled_model.main, tmp_path / "results", "--data", str(tmp_path))
    saved = json.loads((RESULTS / "bundled_model_intel_avx_512.json").read_text("utf-8"))
    assert {row: set(columns) for row, columns in results.items()} == {
        row: set(columns) for row, columns in saved["results"].items()
    }


def test_few_labels(tmp_path: Path) -> None:
    write_tasks(tmp_path)
    methods = ["TF-IDF + LR", "frozen + LR", "contrastive + LR", "zero-shot"]
    methods += ["frozen + LR, cross-validated C"]
    options = ["trec", "--data", str(tmp_path / "trec"), "--methods", *methods]
    options += ["--models", "mini", "--sizes", "5", "--draws", "2"]
    results = run(few_labels.main, tmp_path / "results", *options)
    assert len(results) == 5
    for columns in results.values():
        assert 0 <= columns["accuracy"] <= 1
        assert columns.keys() >= {"log loss", "calibration error", "accuracy, deviation", "fit, s"}
    assert few_labels_chart.curves(results)["frozen + LR, mini"].keys() == {5}


def test_calibration_error() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    scores = probability_scores(["a", "a", "b", "b"], probabilities, ["a", "b"])
    assert scores["accuracy"] == 0.75
    assert scores["calibration error"] == pytest.approx((3 * 0.9 - 2 + 0.4) / 4)


def test_attributions(tmp_path: Path) -> None:
    write_tasks(tmp_path)
    classifier = DistilBertClassifier(max_iter=1, random_state=0)
    joblib.dump(classifier.fit(["where is A", "where is B"], ["A", "B"]), tmp_path / "fitted")
    options = ["--data", str(tmp_path / "trec"), "--texts", "4", "--slow-texts", "2"]
    options += ["--classifier", str(tmp_path / "fitted")]
    options += ["--methods", *(set(attributions.METHODS) - set(attributions.SLOW))]
    results = run(attributions.main, tmp_path / "results", *options)
    assert results["random order"].keys() == results["random order, 2 texts"].keys()
    assert -1 <= results["attention"]["sufficiency"] <= 1
    assert results["shortcut, integrated_gradients"]["share"] >= 0


def test_tokenizer_speed(tmp_path: Path) -> None:
    options = ["--n-texts", "50", "--rounds", "1", "--scale", "0.01"]
    results = run(tokenizer_speed.main, tmp_path, *options)
    for row in ("new texts", "repeated texts", "one short text, repeated", "new texts, offsets"):
        assert results[row]["tokenizers, 1 thread / skdistilbert"] > 0
    assert results["caches, ids"]["skdistilbert, MB"] > 0


def test_grid_search_cache(tmp_path: Path) -> None:
    options = ["--rounds", "1", "--candidates", "1", "--n-texts", "40"]
    options += ["--searches", "embedding_cache"]
    results = run(grid_search_cache.main, tmp_path, *options)
    assert results["embedding_cache"].keys() == {"s", "encodings"}


@needs_proc
def test_a_checkout_is_compared_with_another(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--rounds", "1", "--size", "tiny", "--n-texts", "20", "--only", "tiny, 1 x 16"]
    compare_checkouts.main([str(ROOT), *options])
    printed = capsys.readouterr().out
    for name in ("tiny, 1 x 16, ms", "fine-tuning step, ms", "cold start, embed, ms"):
        (line,) = [line for line in printed.splitlines() if line.startswith(name)]
        assert 0.1 < float(line.split()[-1]) < 10
    assert printed.count("peak memory, MB") == 4


class Failing:
    """An engine that imports `skdistilbert` from a checkout, and fails."""

    def run(self, work: str) -> float:
        import skdistilbert

        if work == "fail":
            raise ValueError(skdistilbert.__file__)
        return 0.25


def test_errors_of_an_engine_reach_the_parent_and_name_its_checkout(tmp_path: Path) -> None:
    (tmp_path / "skdistilbert").symlink_to(ROOT / "skdistilbert")
    with EngineProcess(partial(Failing), 1, checkout=tmp_path) as process:
        assert process.seconds("measure") == 0.25
        with pytest.raises(ValueError, match=re.escape(str(tmp_path))):
            process.seconds("fail")


@pytest.mark.parametrize(
    ("vendor", "family", "flags", "expected"),
    [
        ("AuthenticAMD", "26", "avx2 avx512f", "AMD Zen 5"),
        ("AuthenticAMD", "25", "avx2 avx512f", "AMD Zen 4"),
        ("AuthenticAMD", "23", "avx2", "AMD AVX2"),
        ("GenuineIntel", "6", "avx2 avx512f", "Intel AVX-512"),
        ("GenuineIntel", "6", "avx2", "Intel AVX2"),
    ],
)
def test_kinds_of_processors(vendor: str, family: str, flags: str, expected: str) -> None:
    fields = {"vendor_id": vendor, "cpu family": family, "flags": flags}
    assert processor_kind(fields) == expected


def test_results_are_saved_with_four_digits_and_only_on_request(tmp_path: Path) -> None:
    save(None, "name", {"row": {"column": 1.0}}, 2)
    save(tmp_path, "name", {"row": {"column": 1.23456, "text": "x"}}, 2)
    (file,) = tmp_path.iterdir()
    assert json.loads(file.read_text())["results"] == {"row": {"column": 1.235, "text": "x"}}


def test_the_report_is_generated_from_the_results() -> None:
    assert report.REPORT.read_text("utf-8") == report.generate()
    assert len(report.generate().splitlines()) <= 200
    readme = report.README.read_text("utf-8")
    assert report.update_readme(readme) == readme


def test_the_report_compares_the_peers_with_mkl(tmp_path: Path) -> None:
    columns = {"skdistilbert, ms": 10.0, "torch / skdistilbert": 1.2, "MKL / skdistilbert": 0.8}
    columns["bfloat16 / skdistilbert"] = 0.4  # a variant of ours, not a peer
    record = {"benchmark": "speed", "machine": {"kind": "Intel"}, "results": {"case": columns}}
    (tmp_path / "speed.json").write_text(json.dumps(record), "utf-8")
    records = report.Records(tmp_path)
    table = records.by_machine(records.rows("speed"), report.cell)
    assert table == [["", "Intel", "Intel, MKL"], ["case", "10 ms, 1.20", "8 ms, 1.50"]]


FEW_LABELS = "few_labels_trec; Intel AVX-512; 8 per class"


@pytest.mark.parametrize(
    "figure",
    [
        "install_size; Intel AVX-512; skdistilbert; size, MB; .0f",
        "install_size; Intel AVX-512; skdistilbert; process, s; .2f",
        "install_size; Intel AVX-512; sentence-transformers; size, MB; ,.0f",
        (
            "network_speed; Intel AVX-512; base, 1,000 texts, from strings; "
            "sentence-transformers / skdistilbert; .2f"
        ),
        "fine_tuning_trec; Intel AVX-512; trainable_layers=all; score; .3f",
        "fine_tuning_trec; Intel AVX-512; trainable_layers=all; torch / skdistilbert; .2f",
        f"{FEW_LABELS}, DistilBertClassifier(), MiniLM; accuracy; .3f",
        f"{FEW_LABELS}, DistilBertClassifier(), MiniLM; fit, s; .0f",
        f"{FEW_LABELS}, DistilBertClassifier(), MiniLM; log loss; .2f",
        f"{FEW_LABELS}, SetFit; accuracy; .3f",
        f"{FEW_LABELS}, SetFit; fit, s; .0f",
        f"{FEW_LABELS}, SetFit; log loss; .2f",
        "grid_search_cache_1_jobs; Intel AVX-512; no cache; s; .1f",
        "grid_search_cache_1_jobs; Intel AVX-512; embedding_cache; s; .1f",
    ],
)
def test_figures_of_the_readme_are_results(figure: str) -> None:
    assert report.Records(RESULTS).figure(figure) in report.README.read_text("utf-8")


@pytest.mark.parametrize("name", ["README.md", "RESULTS.md"])
def test_links_exist(name: str) -> None:
    text = (FOLDER / name).read_text("utf-8")
    titles = re.findall("^## (.*)$", text, re.MULTILINE)
    anchors = [re.sub(r"[^\w -]", "", title.lower()).replace("-", " ") for title in titles]
    for link in re.findall(r"\]\(([^)]*)\)", text):
        path, _, anchor = link.partition("#")
        assert (FOLDER / path).exists(), link
        assert not anchor or anchor.replace("-", " ") in anchors, link


def test_each_script_is_in_the_index() -> None:
    index = (FOLDER / "README.md").read_text("utf-8")
    scripts = [
        file.stem for file in FOLDER.glob("*.py") if '__name__ == "__main__"' in file.read_text()
    ]
    assert len(scripts) >= 9
    for script in scripts:
        assert re.search(rf"`{script}\b|benchmarks\.{script}`", index), script


def test_serving(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    serving.main(["--services", "skdistilbert", "--seconds", "0.2", "--rounds", "1"])
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [row.split()[:2] for row in rows] == [["skdistilbert", x] for x in ("1", "4", "16")]
    assert all(float(row.split()[2]) > 0 for row in rows)
