"""The film: its data against the engine, the page as a file, and the page in a browser."""

import base64
import functools
import html
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import engine
from tinygrad_edu.viz import dot, explore, explorer
from tinygrad_edu.viz.explorer import film, inert

X = np.array([[0.0, 0.1], [0.2, 1.0], [1.0, 0.3], [1.0, 1.2]])
Y = np.array([[0.0], [1.0], [1.0], [0.0]])


def parameter(*shape, seed=0, name=None):
    return tg.Tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True, name=name)


def small(cost="quadratic", **options):
    sizes = options.pop("sizes", [2, 3, 1])
    network = tg.nn.MLP(sizes, rng=0, **options)
    return getattr(tg.costs, cost)(network(X), np.eye(sizes[-1])[[0, 1, 1, 0]] if sizes[-1] > 1 else Y)


def fan_out():
    x = tg.Tensor([1.0, -2.0], requires_grad=True, name="x")
    return np.sum(np.sin(x) * x + np.exp(x))


def svd():
    U, s, Vh = np.linalg.svd(parameter(3, 2, name="A"), full_matrices=False)
    return np.sum(s**2) + U[0, 0] ** 2 * Vh[1, 1] ** 2


def joined():
    a, b = parameter(2, seed=1), parameter(3, seed=2)
    return np.sum(np.concatenate([a, b * 2, a, np.ones(2)]) ** 2)


def repeated():
    y = tg.Tensor(0.1, requires_grad=True)
    for _ in range(5):
        y = y + y
    return y * y


def attention():
    q, k, v = (parameter(3, 4, seed=seed) for seed in range(3))
    return np.sum(tg.softmax(q @ k.T / 2.0) @ v)


def recurrent():
    U, W, h = parameter(2, 3, seed=1), parameter(3, 3, seed=2), np.zeros((4, 3))
    for t in range(3):
        h = np.tanh(X * t @ U + h @ W)
    return np.mean(h**2)


def mixed():
    x, w = parameter(3, 4), parameter(4, seed=1)
    y = np.where(x > 0, x, 0.1 * x) * w + np.einsum("ij,j", x, w)[:, None]
    return np.sum(np.clip(y.reshape(2, 6), -1, 1)[:, ::2] ** 3)


GRAPHS = {
    "small": small,
    "deep": lambda: small("binary_cross_entropy", sizes=[2, 3, 3, 1], activation="tanh"),
    "softmax": lambda: small("cross_entropy", sizes=[2, 4, 2], output="softmax"),
    "logits": lambda: small("cross_entropy_with_logits", sizes=[2, 4, 2], output="identity"),
    "fan_out": fan_out,
    "svd": svd,
    "joined": joined,
    "repeated": repeated,
    "attention": attention,
    "recurrent": recurrent,
    "mixed": mixed,
    "vector": lambda: np.tanh(parameter(3)),
    "leaf": lambda: tg.Tensor(2.0, requires_grad=True),
    "constant": lambda: tg.Tensor([1.0, 2.0]),
    "empty": lambda: np.sum(parameter(0, 3) * 2.0),
    "large": lambda: np.sum(np.tanh(parameter(60, 50) @ parameter(50, 20))),
}
graphs = pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)


def numbers(data, index):
    """An array of a film, as NumPy has it."""
    array = data["arrays"][index]
    if "base64" in array:
        flat = np.frombuffer(base64.b64decode(array["base64"]), "<f8")
    else:
        flat = np.array([float(x) for x in array["numbers"]])
    return flat.reshape(array["shape"])


def flat(x):
    return np.concatenate([np.ravel(part) for part in x]) if isinstance(x, tuple | list) else np.asarray(x)


def recorded(root):
    """(operations forward, {node: gradient}), from the engine."""
    nodes = engine.ancestors(root)[::-1]
    with np.errstate(all="ignore"):
        return [n for n in nodes if n.fn], engine.gradients(root, np.ones(root.shape), nodes)


# --- The data ------------------------------------------------------------------------------------------------


@graphs
def test_forward_values_and_gradients_are_those_of_the_engine(make):
    root = make()
    data = film(root)
    operations, gradients = recorded(root) if root.requires_grad else ([], {})
    assert len(data["forward"]) == len(operations)
    for i, node in zip(data["forward"], operations, strict=True):
        np.testing.assert_array_equal(numbers(data, data["nodes"][i]["value"]), flat(node._data))
        np.testing.assert_array_equal(numbers(data, data["nodes"][i]["gradient"]), flat(gradients[node]))
    assert data["backward"] == [] or [s["node"] for s in data["backward"]] == data["forward"][::-1]
    json.dumps(data, allow_nan=False)


@graphs
def test_contributions_add_up_to_the_gradient_at_every_node(make):
    data = film(make())
    sums, count = {}, {}
    for step in data["backward"]:
        for c in step["contributions"]:
            part = numbers(data, c["part"])
            sums[c["to"]] = sums[c["to"]] + part if c["to"] in sums else part
            count[c["to"]] = count.get(c["to"], 0) + 1
            assert c["number"] == count[c["to"]] <= c["of"]
    for i, total in sums.items():
        np.testing.assert_array_equal(total, numbers(data, data["nodes"][i]["gradient"]))
    if data["backward"]:
        assert set(sums) == {i for i, node in enumerate(data["nodes"]) if "gradient" in node} - {data["root"]}


@graphs
def test_upstream_times_local_is_the_contribution(make):
    data = film(make())
    for step in data["backward"]:
        g = numbers(data, data["nodes"][step["node"]]["gradient"]) if step["contributions"] else None
        for c in step["contributions"]:
            part, local = numbers(data, c["part"]), c["local"]
            if local["kind"] == "table":
                total = np.zeros(part.size)
                for k, e, value in local["entries"]:
                    total[e] += g.flat[k] * float(value)
            elif local["kind"] == "diagonal":
                total = engine.unbroadcast(g * numbers(data, local["array"]), part.shape)
            elif local["kind"] == "matmul":
                other = numbers(data, local["other"]).T
                total = g @ other if local["argument"] == 0 else other @ g
            else:
                continue
            np.testing.assert_allclose(np.reshape(total, part.shape), part, rtol=1e-12, atol=1e-12)


def test_most_rules_can_be_shown_in_numbers():
    kinds = [
        c["local"]["kind"]
        for make in (small, fan_out, joined, mixed, attention)
        for s in film(make())["backward"]
        for c in s["contributions"]
    ]
    assert "none" not in kinds


def test_grad_is_untouched_before_and_after_backward():
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    C = np.sum(w**2)
    before = film(C)
    assert w.grad is None
    C.backward()
    kept = w.grad.copy()
    assert film(C) == before
    np.testing.assert_array_equal(w.grad, kept)


def test_the_film_holds_the_values_of_the_recording():
    w = tg.Tensor([1.0, 2.0], requires_grad=True, name="w")
    C = np.sum(w**2)
    w.data = [10.0, 20.0]
    data = film(C)
    np.testing.assert_array_equal(numbers(data, data["nodes"][0]["value"]), [1, 2])


@pytest.mark.parametrize(
    "cost",
    [
        "quadratic",
        "binary_cross_entropy",
        "binary_cross_entropy_with_logits",
        "cross_entropy",
        "cross_entropy_with_logits",
    ],
)
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "gelu"])
def test_all_four_equations_are_verified(cost, activation):
    output = "identity" if "logits" in cost else "softmax" if cost == "cross_entropy" else "sigmoid"
    equations = film(small(cost, sizes=[2, 3, 4, 2], activation=activation, output=output))["equations"]
    assert sorted(e["tag"] for e in equations) == sorted(["BP1", "BP2", "BP2", *["BP3"] * 3, *["BP4"] * 3])
    for e in equations:
        assert e["status"] == "verified", e
        assert e["error"] < 1e-12


def test_networks_written_by_hand_are_verified_too():
    W1, b1, W2, b2 = (parameter(*shape, seed=i) for i, shape in enumerate([(2, 3), (3,), (3, 1), (1,)]))
    rows = np.sum((1 / (1 + np.exp(-(np.tanh(X @ W1 + b1) @ W2 + b2))) - Y) ** 2) / 8
    V1, V2 = parameter(3, 2), parameter(1, 3)
    columns = np.sum((tg.sigmoid(V2 @ tg.sigmoid(V1 @ X.T)) - Y.T) ** 2)
    turned = np.sum((tg.sigmoid(tg.sigmoid(X @ V1.T) @ V2.T) - Y) ** 2)
    for C, tags in [(rows, 6), (columns, 4), (turned, 4), (recurrent(), 4)]:
        equations = film(C)["equations"]
        assert len(equations) >= tags
        assert {e["status"] for e in equations} == {"verified"}, equations


def test_a_wrong_rule_is_found(monkeypatch):
    rules = engine.RULES[np.tanh]
    monkeypatch.setitem(engine.RULES, np.tanh, (lambda g, y, x: g * (1 - y),))
    C = small(activation="tanh")
    status = {e["text"]: e["status"] for e in film(C)["equations"]}
    assert status["δ1 = (δ2 W2ᵀ) ⊙ tanh′(z1)"] == "differs"
    assert list(status.values()).count("differs") == 1  # the others follow from the wrong δ1
    assert engine.RULES[np.tanh] != rules


def test_float32_is_verified_within_its_precision():
    network = tg.nn.MLP([2, 3, 1], rng=0)
    for p in network.parameters():
        p._data = p._data.astype(np.float32)
    equations = film(tg.costs.quadratic(network(X.astype(np.float32)), Y.astype(np.float32)))["equations"]
    assert {e["status"] for e in equations} == {"verified"}


def test_large_arrays_are_sampled_and_it_is_said():
    w = parameter(2000, 300, name="w")
    data = film(np.sum(np.tanh(w)))
    kept = data["arrays"][data["nodes"][0]["value"]]
    assert kept["shape"] == [2000, 300]
    assert kept["rows"][0] == kept["columns"][0] == 0
    assert (kept["rows"][-1], kept["columns"][-1]) == (1999, 299)
    sample = np.frombuffer(base64.b64decode(kept["base64"]))
    np.testing.assert_array_equal(sample, w._data[np.ix_(kept["rows"], kept["columns"])].ravel())
    assert kept["norm"] == pytest.approx(np.linalg.norm(w._data))
    assert "too large" in " ".join(data["notes"])
    assert len(explore(np.sum(np.tanh(w))).html) < 3e6


def test_a_long_graph_folds_its_picture_and_keeps_every_step():
    u = tg.Tensor([0.5, 0.3], requires_grad=True)
    for _ in range(2000):
        u = np.sin(u)
    page = explore(np.sum(u))
    assert len(page.film["backward"]) == 2001
    assert len(page.film["pictures"]) == 1
    assert "hidden" in page.film["pictures"][0]["notes"][0]
    assert len(page.html) < 3e6


def test_not_finite_numbers_are_text():
    x = tg.Tensor([np.nan, np.inf, -np.inf, 1.0], requires_grad=True)
    data = film(np.sum(np.multiply(x, 2.0)))
    assert data["arrays"][data["nodes"][0]["value"]]["numbers"] == ["NaN", "Infinity", "-Infinity", 1.0]


def test_same_film_same_bytes():
    assert explore(small()).html == explore(small()).html


def test_only_tensors():
    with pytest.raises(TypeError, match="explore: the first argument must be a Tensor, not ndarray"):
        explore(np.ones(2))


# --- The file ------------------------------------------------------------------------------------------------

HOSTILE = [
    "\"quoted\" 'twice' \\back\\slashes\\n",
    "</script><script>window.sentinel = 1</script>",
    "<b>bold</b><img src=x onerror='window.sentinel = 1'>&lt;&amp;",
    "javascript:window.sentinel=1",
    "nul \0 and \x1b escape",
    "😀 emoji \u2028 and \u2029, \u202e turned",
    "{{SCRIPT}} {{FILM}} \\1 ⟦0⟧ <!--",
    "x" * 10_000,
]


def data_of(page):
    """The JSON block, as a browser cuts it out of the page."""
    block = re.search(r'<script id="film" type="application/json">(.*?)</script', page, re.DOTALL | re.IGNORECASE)[1]
    return block, json.loads(block)


def hostile(name):
    x = tg.Tensor([1.0, -2.0], requires_grad=True, name=name)
    y = np.sin(x)
    y.name = name
    return np.sum(y * x)


@given(st.one_of(st.text(max_size=60), st.sampled_from(HOSTILE), st.text("<>/&!-script\u2028\"'\\{}\0", max_size=40)))
@example(HOSTILE[1])
@example(HOSTILE[7])
@example("\ud800")
@settings(max_examples=15)
def test_hostile_names_stay_text(name):
    block, data = data_of(explore(hostile(name)).html)
    assert not set("<>&\u2028\u2029") & set(block)
    assert block.isascii()
    assert [node["name"] for node in data["nodes"][:2]] == [name, name]


def test_the_picture_is_rebuilt_from_what_is_allowed():
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" onload="x()"><script>x()</script>'
        '<a xlink:href="javascript:x()"><text>in a</text></a><foreignObject/><g class="node"><title>n1</title>'
        '<path d="M0,0" fill="url(http://x)" style="x" onclick="x()"/><text x="1">t &lt;b&gt;</text></g></svg>'
    )
    assert inert(svg) == [
        "svg",
        {},
        [["g", {"class": "node", "id": "n1"}, [["path", {"d": "M0,0"}, []], ["text", {"x": "1"}, "t <b>"]]]],
    ]


def test_the_policy_allows_our_own_script_and_style_and_nothing_else():
    page = explore(small()).html
    policy = html.unescape(re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1])
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert set(rules) == {"default-src", "script-src", "style-src", "base-uri", "form-action"}
    assert rules["default-src"] == "'none'"
    assert all(re.fullmatch(r"'sha256-[\w+/]{43}='", rules[kind]) for kind in ("script-src", "style-src"))
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)


def test_it_writes_the_file_at_once_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "new" / "film.html"
    made = explore(small(), path)
    assert path.read_text(encoding="utf-8") == made.html
    path.write_text("old")

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        explore(fan_out(), path)
    assert path.read_text() == "old"
    assert [p.name for p in path.parent.iterdir()] == ["film.html"]
    assert dot.write_file is not None


def test_in_a_notebook_it_is_a_sandboxed_frame():
    made = explore(small())
    frame = made._repr_html_()
    assert html.unescape(re.search(r'srcdoc="([^"]*)"', frame)[1]) == made.html
    assert re.search(r'sandbox="([^"]*)"', frame)[1] == "allow-scripts allow-downloads"
    assert made._repr_svg_().lstrip().startswith("<?xml")
    assert repr(made) == "<Explorer: 16 steps forward, 16 back; .save('film.html') writes it>"


# --- Colours ---------------------------------------------------------------------------------------------------


def palettes():
    css = Path(explorer.__file__).with_name("explorer.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    found = [dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in blocks]
    assert len(found) == 2
    assert set(found[0]) == set(found[1])
    return dict(zip(["light", "dark"], found, strict=True))


def contrast(a, b):
    """The WCAG 2 contrast ratio of two colours, as #rrggbb."""

    def luminance(colour):
        c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        return float(np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])

    dark, light = sorted([luminance(a), luminance(b)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_contrast_passes_wcag_aa(mode):
    c = palettes()[mode]
    for name in ("text", "quiet", "link", "good", "bad", "gradient", "now"):
        for ground in ("page", "card"):
            assert contrast(c[name], c[ground]) >= 4.5, (name, ground)
    assert contrast(c["text"], c["button"]) >= 4.5
    for box in ("op", "data", "parameter", "loss"):
        assert contrast(c["ink"], c[box]) >= 4.5, box
    for name in ("line", "now", "edge"):  # not text
        assert contrast(c[name], c["page"]) >= 3, name


def test_numbers_are_readable_on_every_colour_of_a_heatmap():
    js = Path(explorer.__file__).with_name("explorer.js").read_text(encoding="utf-8")
    ends = json.loads(re.search(r"const ENDS = (.*?);", js)[1])
    for end in ends:
        assert contrast("#000000", "#" + "".join(f"{x:02x}" for x in end)) >= 4.5


# --- In a browser ------------------------------------------------------------------------------------------------

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1300,1000",
]


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    if not (CHROMIUM and DRIVER):
        pytest.skip("no browser: needs chromium and chromedriver (apt install chromium chromium-driver)")
    webdriver = pytest.importorskip("selenium.webdriver", reason="no browser driver: pip install selenium")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


class Page:
    """A film that is open in the browser."""

    def __init__(self, driver, folder):
        self.driver, self.folder = driver, folder

    def open(self, tensor, fragment=""):
        path = self.folder / "film.html"
        explore(tensor, path)
        return self.show(path, fragment)

    def show(self, path, fragment=""):
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self.driver.get(path.as_uri() + fragment)
        return self

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def find(self, selector):
        return self.driver.find_elements("css selector", selector)

    def text(self, selector):
        return self.find(selector)[0].text

    def press(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    def step(self, n):
        self.js("tinygradFilm.go(arguments[0])", n)

    @property
    def status(self):
        return self.text("#status")

    @property
    def steps(self):
        return self.js("return tinygradFilm.steps.N")

    def gradients(self):
        """Of every node, as the page has them at this step: None, or a list."""
        return self.js(
            "return tinygradFilm.film.nodes.map((_, i) => { const g = tinygradFilm.gradient(i, tinygradFilm.state.step);"
            " return g && Array.from(g.numbers, String); })"
        )

    def snapshot(self):
        """All that is seen."""
        return self.js(
            "return [...['status', 'step', 'panel', 'depth'].map((id) => document.getElementById(id).textContent),"
            " ...[...document.querySelectorAll('#canvas [class]')].map((e) => e.getAttribute('class')).filter(Boolean)]"
        )

    def complaints(self):
        """Console messages (violations of the policy are among them), and requests for anything but the page."""
        said = [entry["message"] for entry in self.driver.get_log("browser")]
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return said + [url for url in urls if not url.startswith(("file:///", "about:"))] + urls[1:]


@pytest.fixture
def page(driver, tmp_path):
    opened = Page(driver, tmp_path)
    yield opened
    assert opened.complaints() == []


@pytest.mark.parametrize("name", ["small", "fan_out", "svd", "joined", "recurrent", "large"])
def test_stepping_to_the_end_gives_numpys_gradients_and_back_restores_the_start(page, name):
    root = GRAPHS[name]()
    page.open(root)
    start = page.snapshot()
    page.js("for (let i = 0; i < arguments[0]; i++) document.getElementById('next').click()", page.steps)
    assert page.status.startswith(f"Step {page.steps} of {page.steps}:")
    operations, gradients = recorded(root)
    shown = page.gradients()
    data = film(root)
    for i, node in zip(data["forward"], operations, strict=True):
        np.testing.assert_array_equal([float(x) for x in shown[i]], np.ravel(flat(gradients[node])))
    for i, node in enumerate(data["nodes"]):
        if "gradient" in node:
            np.testing.assert_array_equal([float(x) for x in shown[i]], np.ravel(numbers(data, node["gradient"])))
        else:
            assert shown[i] is None
    page.js("for (let i = 0; i < arguments[0]; i++) document.getElementById('back').click()", page.steps)
    assert page.snapshot() == start
    assert not any(page.gradients())


def test_a_whole_run_by_keyboard_only(page):
    from selenium.webdriver import Keys

    page.open(small())
    start, seen = page.snapshot(), set()
    for step in range(page.steps + 1):
        assert page.status.startswith(f"Step {step} of {page.steps}:")
        seen.add(page.status)
        page.press(Keys.ARROW_RIGHT)
    assert len(seen) == page.steps + 1
    page.press(Keys.HOME)
    assert page.snapshot() == start
    page.press(Keys.END)
    assert page.status.startswith(f"Step {page.steps} of")
    page.press(Keys.PAGE_UP)
    page.press(Keys.ARROW_LEFT)
    assert int(page.status.split()[1]) < page.steps - 1
    page.press(" ")
    assert page.text("#play") == "pause"
    page.press(" ")
    assert page.text("#play") == "play"


def test_every_control_is_reached_by_tab_and_shows_the_focus(page):
    from selenium.webdriver import Keys

    page.open(small(), "#step=20")
    wanted = page.js("return [...document.querySelectorAll('button, input, [tabindex=\"0\"]')].length")
    reached = set()
    for _ in range(wanted + 2):
        page.press(Keys.TAB)
        seen = page.js(
            "const e = document.activeElement; e.seen ??= Math.random();"
            " return [e.seen, e === document.body || getComputedStyle(e).outlineStyle !== 'none']"
        )
        assert seen[1]
        reached.add(seen[0])
    assert len(reached) >= wanted


def test_arrow_keys_in_a_table_choose_the_entry_and_keep_the_focus(page):
    from selenium.webdriver import Keys

    page.open(small(), "#step=3")
    page.js("document.querySelector('[data-keep=value]').focus()")
    page.press(Keys.ARROW_RIGHT)
    page.press(Keys.ARROW_DOWN)
    assert page.status.startswith("Step 3 ")
    assert page.text("#panel-title").endswith("entry [1, 1]")
    assert page.js("return document.activeElement.getAttribute('aria-selected')") == "true"


def test_partial_sums_at_a_fan_out(page):
    root = fan_out()
    data = film(root)
    x = next(i for i, node in enumerate(data["nodes"]) if node["symbol"] == "x")
    page.open(root)
    sums, total = [], 0
    for i, step in enumerate(data["backward"]):
        page.step(len(data["forward"]) + 2 + i)
        page.js("tinygradFilm.choose(arguments[0], 1)", x)
        for c in step["contributions"]:
            if c["to"] == x:
                total = total + numbers(data, c["part"])
                sums.append(c["number"])
                assert f"Contribution {c['number']} of 3 to x" in page.text("#step")
                now = page.js(
                    "return Array.from(tinygradFilm.gradient(arguments[0], tinygradFilm.state.step).numbers)", x
                )
                np.testing.assert_array_equal(now, total)
                said = re.search(r"sum so far \(\d of 3\): .*?([−\d.e]+)$", page.text("#step"), re.MULTILINE)[1]
                assert float(said.replace("−", "-")) == pytest.approx(total[1], rel=1e-3)
    assert sums == [1, 2, 3]
    np.testing.assert_allclose(total, np.cos([1, -2]) * [1, -2] + np.sin([1, -2]) + np.exp([1, -2]))


@pytest.mark.parametrize("name", GRAPHS)
def test_every_panel_opens_at_every_stage(page, name):
    page.open(GRAPHS[name]())
    for step in {0, page.steps // 2, page.steps}:
        page.step(step)
        panels = page.js(
            "return tinygradFilm.film.nodes.map((node, i) => { tinygradFilm.choose(i);"
            " return [node.symbol, ...['title', 'body'].map((x) => document.getElementById('panel-' + x).innerText)]; })"
        )
        assert panels
        for symbol, title, body in panels:
            assert title.partition(", entry")[0] == symbol
            assert "undefined" not in body
            assert "shape" in body or "single number" in body or "results" in body
    for i in range(len(page.find("#views button"))):
        page.find("#views button")[i].click()
        assert page.find("#canvas svg")


def test_boxes_of_the_picture_open_their_panel(page):
    page.open(small())
    for name in ("W1", "z2", "C"):
        page.js(
            "[...document.querySelectorAll('#canvas .node')].find((n) => n.getAttribute('aria-label') === arguments[0]).dispatchEvent(new MouseEvent('click'))",
            name,
        )
        assert page.text("#panel-title").startswith(name)


def test_bp2_is_shown_with_its_numbers_and_verified(page):
    root = small()
    data = film(root)
    z1 = next(i for i, node in enumerate(data["nodes"]) if node["symbol"] == "z1")
    page.open(root)
    page.step(page.steps)
    page.js("tinygradFilm.choose(arguments[0], 4)", z1)
    shown = page.text("#panel .equation")
    assert "BP2" in shown
    assert "δ1 = (δ2 W2ᵀ) ⊙ σ′(z1)" in shown
    assert "verified" in shown
    numbers_put_in = re.search(r"= \((.*?) × (.*?)\) × (.*?) = (.*)", shown)
    a, b, slope, result = (float(text.strip("()").replace("−", "-")) for text in numbers_put_in.groups())
    assert a * b * slope == pytest.approx(result, rel=2e-3)
    assert result == pytest.approx(numbers(data, data["nodes"][z1]["gradient"]).flat[4], rel=1e-3)


def test_the_path_of_an_entry_leads_to_the_result(page):
    page.open(small())
    page.step(page.steps)
    page.js("tinygradFilm.choose(tinygradFilm.film.nodes.findIndex((n) => n.symbol === 'W1'), 3)")
    for _ in range(40):
        terms = page.find("#panel button.term")
        if not terms:
            break
        terms[0].click()
    assert page.text("#panel-title") == "C"


def test_predict_hides_the_number_until_it_is_guessed(page):
    from selenium.webdriver import Keys

    page.open(fan_out())
    page.find("#predict")[0].click()
    page.step(1)
    assert "0.8415" not in page.text("main")
    assert "guess first" in page.text("#panel")
    page.find("#guess")[0].send_keys("0.84", Keys.ENTER)
    assert "Right. You guessed 0.84" in page.text("#step")
    assert "0.8415" in page.text("#step")
    page.step(page.steps)
    page.find("#guess")[0].send_keys("7", Keys.ENTER)
    assert "Not quite. You guessed 7" in page.text("#step")
    assert "1 right of 2" in page.text("#step")


def test_search_finds_by_name_operation_and_scope(page):
    page.open(small())
    for wanted, name in [("w2", "W2"), ("exp", "v3"), ("quadratic", "v9")]:
        page.find("#search")[0].clear()
        page.find("#search")[0].send_keys(wanted)
        found = [button for button in page.find("#found button") if button.text == name]
        found[0].click()
        assert page.text("#panel-title").startswith(name)
    page.find("#search")[0].clear()
    page.find("#search")[0].send_keys("nowhere")
    assert page.text("#found") == "nothing found"


def test_the_state_is_in_the_address(page):
    page.open(small())
    page.step(20)
    page.js("tinygradFilm.choose(3, 2)")
    address = page.driver.current_url
    assert address.endswith("#step=20&view=0&node=3&entry=2")
    seen = page.snapshot()
    page.show(page.folder / "film.html", "#" + address.partition("#")[2])
    assert page.snapshot() == seen
    page.show(page.folder / "film.html", "#step=1e9&view=-1&node=x&entry=99999")
    assert page.status.startswith("Step 0 of")


def test_the_picture_is_saved_as_it_is_seen(page):
    page.open(fan_out(), "#step=8")
    page.js(
        "window.blobs = []; URL.createObjectURL = (blob) => { blobs.push(blob); return '#saved'; };"
        "HTMLAnchorElement.prototype.click = () => {};"
    )
    page.find("#download")[0].click()
    svg = page.driver.execute_async_script("blobs[0].text().then(arguments[0])")
    assert inert(svg)[0] == "svg"
    assert "v1 = sin(x)" in svg


def test_the_slider_moves_the_film(page):
    page.open(fan_out())
    page.js("const s = document.getElementById('slider'); s.value = 4; s.dispatchEvent(new Event('input'))")
    assert page.status.startswith("Step 4 of")


def test_nan_infinity_0d_and_empty_arrays_show(page):
    x = tg.Tensor([np.nan, np.inf, -np.inf, 1.0], requires_grad=True, name="x")
    page.open(np.sum(np.multiply(x, 2.0)))
    page.js("tinygradFilm.choose(0)")
    assert [cell.text for cell in page.find("#panel .cell")] == ["NaN", "+∞", "−∞", "+1"]
    assert len(page.find("#panel .cell.missing")) == 3
    assert "3 of 4 not finite (hatched)" in page.text("#panel")
    assert page.complaints() == []
    page.open(np.sum(parameter(0, 3, name="nothing") * 2.0))
    page.js("tinygradFilm.go(99); tinygradFilm.choose(0)")
    assert "Empty: shape (0, 3)." in page.text("#panel")
    assert page.complaints() == []
    page.open(tg.Tensor(2.0, requires_grad=True, name="w") ** 3.0)
    page.js("tinygradFilm.go(99); tinygradFilm.choose(0)")
    assert [cell.text for cell in page.find("#panel .map .cell")][:2] == ["+2", "+12"]


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: repr(name[:12]))
def test_hostile_names_run_nothing_and_are_seen_as_they_are(page, name):
    page.open(hostile(name))
    for step in range(page.steps + 1):
        page.step(step)
        page.js("tinygradFilm.choose(0)")
    assert page.js("return window.sentinel") is None
    assert (
        page.js("return document.getElementById('full-name')?.textContent ?? tinygradFilm.film.nodes[0].symbol") == name
    )
    assert page.find("b, img, #panel script, #step script, #canvas script") == []


def test_two_films_on_one_page(page):
    path = page.folder / "two.html"
    films = [explore(make()) for make in (small, fan_out)]
    body = "".join(f._repr_html_() for f in films)
    path.write_text(f"<!DOCTYPE html><meta charset=utf-8><title>two</title>{body}", encoding="utf-8")
    page.show(path)
    frames = page.find("iframe")
    for steps, frame in zip((2, 4), frames, strict=True):
        page.driver.switch_to.frame(frame)
        for _ in range(steps):
            page.find("#next")[0].click()
        page.driver.switch_to.default_content()
    for steps, frame in zip((2, 4), frames, strict=True):
        page.driver.switch_to.frame(frame)
        assert page.status.startswith(f"Step {steps} of")
        page.driver.switch_to.default_content()
    said = [entry["message"] for entry in page.driver.get_log("browser")]
    assert said == []
    page.driver.get_log("performance")  # the two frames are requests of their own, to about:srcdoc


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_dark_mode_follows_the_system(page, mode):
    page.driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": mode}]}
    )
    page.open(small(), "#step=31")
    ground = page.js("return getComputedStyle(document.body).backgroundColor")
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert "#" + "".join(f"{int(x):02x}" for x in re.findall(r"\d+", ground)) == palettes()[mode]["page"]


@functools.cache
def digits():
    rng = np.random.default_rng(0)
    return explore(tg.costs.quadratic(tg.nn.MLP([784, 30, 10], rng=0)(rng.random((10, 784))), np.eye(10)))


def test_a_film_of_784_30_10_is_small_and_loads_fast(page):
    assert len(digits().html.encode()) < 3e6
    path = page.folder / "film.html"
    digits().save(path)
    times = []
    for _ in range(3):
        page.show(path)
        times.append(page.js("return performance.getEntriesByType('navigation')[0].duration"))
    assert min(times) < 1000, times
    page.press("\ue010")  # End
    page.js("tinygradFilm.choose(tinygradFilm.film.nodes.findIndex((n) => n.symbol === 'W1'))")
    assert page.find("#panel canvas")
